// Writing a file so that a crash or an error leaves the old file or the whole new one.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

namespace bsk {

/// Writes under a temporary name in the directory of `path`; commit() puts it in place. Destroyed without it,
/// the temporary is removed and `path` is as it was. Failures throw Error file_error that names the path.
class AtomicFile {
public:
    explicit AtomicFile(std::string path);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(const void* data, std::size_t bytes);
    void write(std::string_view text) { write(text.data(), text.size()); }

    /// Flushes to the disk, closes and renames. Nothing may be written afterwards.
    void commit();

private:
    [[noreturn]] void fail_with_errno(const char* action) const;

    std::string path_;
    std::string temporary_;  ///< empty once renamed
    std::FILE* file_ = nullptr;
};

}  // namespace bsk
