#include <sys/resource.h>

#include <csignal>

#include "format/atomic_file.h"
#include "host/format_support.h"

#include <bsk/io.h>

namespace bsk::test {
namespace {

/// While it lives, files cannot grow beyond `bytes`: the next write fails as on a full disk.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

private:
    rlimit before_{};
    void (*handler_)(int);
};

class Atomic : public FileTest {};

TEST_F(Atomic, CommitReplacesTheOldFile) {
    write("a", "old");
    AtomicFile file(path("a"));
    file.write("new");
    EXPECT_EQ(read("a"), "old");
    file.commit();
    EXPECT_EQ(read("a"), "new");
    EXPECT_EQ(file_count(), 1U);
}

TEST_F(Atomic, WithoutCommitTheOldFileStays) {
    write("a", "old");
    { AtomicFile(path("a")).write("new"); }
    EXPECT_EQ(read("a"), "old");
    EXPECT_EQ(file_count(), 1U);
}

TEST_F(Atomic, LeftoversOfACrashAreNotTaken) {
    AtomicFile first(path("a"));
    AtomicFile second(path("a"));
    first.write("first");
    second.write("second");
    second.commit();
    first.commit();
    EXPECT_EQ(read("a"), "first");
    EXPECT_EQ(file_count(), 1U);
}

TEST_F(Atomic, FailureNamesThePathAndLeavesNoTemporary) {
    std::filesystem::create_directory(path("directory"));
    write("directory/inside", "x");
    expect_error(ErrorCode::file_error, path("directory"), [&] {
        AtomicFile file(path("directory"));
        file.write("new");
        file.commit();
    });
    expect_error(ErrorCode::file_error, path("none/a") + " cannot be created",
                 [&] { AtomicFile(path("none/a")); });
    EXPECT_EQ(file_count(), 1U);
}

TEST_F(Atomic, EveryWriterLeavesTheOldFileWhenTheDiskIsFull) {
    const BsrMatrix a = random_matrix(256, 256, 64, 64, DType::f32);
    const CsrMatrix csr{1, 30000, {0, 30000}, std::vector<std::int32_t>(30000, 29999), {}};
    for (const char* file : {"a.mtx", "a.smtx", "a.safetensors"}) {
        write(file, "old");
    }
    {
        const FileSizeLimit limit(10000);
        expect_error(ErrorCode::file_error, "a.mtx", [&] { write_matrix_market(path("a.mtx"), a.view()); });
        expect_error(ErrorCode::file_error, "a.smtx", [&] { write_smtx(path("a.smtx"), csr); });
        expect_error(ErrorCode::file_error, "a.safetensors",
                     [&] { write_safetensors(path("a.safetensors"), a.view()); });
    }
    for (const char* file : {"a.mtx", "a.smtx", "a.safetensors"}) {
        EXPECT_EQ(read(file), "old");
    }
    EXPECT_EQ(file_count(), 3U);
}

}  // namespace
}  // namespace bsk::test
