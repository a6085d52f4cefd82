// Reading files: whole pieces at known offsets, and text by lines and fields. Every refusal is an
// Error file_error that names the path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"

namespace bsk {

/// A regular file whose size is known before anything is allocated for its contents.
class InputFile {
public:
    explicit InputFile(std::string path);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    [[nodiscard]] std::int64_t size() const { return size_; }

    /// Reads exactly [offset, offset + bytes).
    void read(std::int64_t offset, void* to, std::int64_t bytes) const;

private:
    std::string path_;
    int descriptor_ = -1;
    std::int64_t size_ = 0;
};

/// A text file, taken line by line and field by field; refusals name the line, too.
class TextFile {
public:
    /// `separators` stand between fields, any number of them.
    TextFile(const std::string& path, std::string_view separators);

    [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(text_.size()); }

    /// Goes on to the next line that holds a field and does not start with `comment`; false at the end.
    bool next_line(std::string_view comment = {});
    /// The same where a line must follow, that of `what`.
    void require_line(const char* what, std::string_view comment = {});

    /// The next field of the line; empty at its end.
    std::string_view next_field();
    /// The next field as an integer in [low, high].
    std::int64_t next_integer(const char* what, std::int64_t low, std::int64_t high);
    /// The next field as a float; nan and inf are numbers, a finite number beyond float32 is not.
    float next_float(const char* what);
    void require_line_end();

    template <class... Args>
    [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
        fail(ErrorCode::file_error, "{}, line {}: {}", path_, line_number_,
             fmt::format(format, std::forward<Args>(args)...));
    }

private:
    std::string path_;
    std::string_view separators_;
    std::string text_;
    std::size_t next_line_ = 0;  ///< where the next line starts in text_
    std::string_view rest_;      ///< what is left of the current line
    std::int64_t line_number_ = 0;
};

}  // namespace bsk
