#include "format/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace bsk {

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
    // Opened exclusively, so that no other writer's file is taken; the mode leaves the permissions to the
    // umask.
    int descriptor = -1;
    for (int attempt = 0; descriptor < 0; ++attempt) {
        temporary_ = fmt::format("{}.{}-{}.tmp", path_, ::getpid(), attempt);
        descriptor = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor < 0 && errno != EEXIST) {
            fail_with_errno("cannot be created");
        }
    }
    file_ = ::fdopen(descriptor, "wb");
    if (file_ == nullptr) {
        const int error = errno;
        ::close(descriptor);
        ::unlink(temporary_.c_str());
        errno = error;
        fail_with_errno("cannot be opened");
    }
}

AtomicFile::~AtomicFile() {
    if (file_ != nullptr) {
        std::fclose(file_);
    }
    if (!temporary_.empty()) {
        ::unlink(temporary_.c_str());
    }
}

void AtomicFile::write(const void* data, std::size_t bytes) {
    if (bytes > 0 && std::fwrite(data, 1, bytes, file_) != bytes) {
        fail_with_errno("cannot be written");
    }
}

void AtomicFile::commit() {
    if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0) {
        fail_with_errno("cannot be written");
    }
    if (std::fclose(std::exchange(file_, nullptr)) != 0) {
        fail_with_errno("cannot be closed");
    }
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
        fail_with_errno("cannot be replaced");
    }
    temporary_.clear();
}

void AtomicFile::fail_with_errno(const char* action) const {
    fail(ErrorCode::file_error, "{} {}: {}", path_, action, std::generic_category().message(errno));
}

}  // namespace bsk
