#include "format/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <locale>
#include <sstream>
#include <system_error>

namespace bsk {

InputFile::InputFile(std::string path) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    require(descriptor_ >= 0, ErrorCode::file_error, "{} cannot be opened: {}", path_,
            std::generic_category().message(errno));
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
        ::close(descriptor_);
        fail(ErrorCode::file_error, "{} is not a regular file", path_);
    }
    size_ = status.st_size;
}

InputFile::~InputFile() {
    ::close(descriptor_);
}

void InputFile::read(std::int64_t offset, void* to, std::int64_t bytes) const {
    auto* next = static_cast<char*>(to);
    while (bytes > 0) {
        const ::ssize_t got = ::pread(descriptor_, next, static_cast<std::size_t>(bytes), offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        require(got >= 0, ErrorCode::file_error, "{} cannot be read: {}", path_,
                std::generic_category().message(errno));
        require(got > 0, ErrorCode::file_error, "{} ends at byte {}; {} more were expected", path_, offset,
                bytes);
        next += got;
        offset += got;
        bytes -= got;
    }
}

TextFile::TextFile(const std::string& path, std::string_view separators)
    : path_(path), separators_(separators) {
    const InputFile file(path);
    text_.resize(static_cast<std::size_t>(file.size()));
    file.read(0, text_.data(), file.size());
}

bool TextFile::next_line(std::string_view comment) {
    while (next_line_ < text_.size()) {
        const std::size_t end = std::min(text_.find('\n', next_line_), text_.size());
        rest_ = std::string_view(text_).substr(next_line_, end - next_line_);
        next_line_ = end + 1;
        ++line_number_;
        const bool blank = rest_.find_first_not_of(separators_) == std::string_view::npos;
        const bool is_comment = !comment.empty() && rest_.starts_with(comment);
        if (!blank && !is_comment) {
            return true;
        }
    }
    return false;
}

void TextFile::require_line(const char* what, std::string_view comment) {
    if (!next_line(comment)) {
        refuse("the file ends here; {} should follow", what);
    }
}

std::string_view TextFile::next_field() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(separators_), rest_.size()));
    const std::string_view field = rest_.substr(0, rest_.find_first_of(separators_));
    rest_.remove_prefix(field.size());
    return field;
}

std::int64_t TextFile::next_integer(const char* what, std::int64_t low, std::int64_t high) {
    const std::string_view field = next_field();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc() || end != field.data() + field.size() || value < low || value > high) {
        refuse("{} is '{}'; it must be an integer in [{}, {}]", what, field.substr(0, 32), low, high);
    }
    return value;
}

float TextFile::next_float(const char* what) {
    const std::string_view field = next_field();
    const char* begin = field.data() + (field.starts_with('+') ? 1 : 0);
    const char* end = field.data() + field.size();
    float value = 0;
    auto result = std::from_chars(begin, end, value);
    if (result.ec == std::errc::result_out_of_range) {
        // Too small or too large for a float, which from_chars does not tell apart. A stream does, for any
        // exponent: it reads the small one as (nearly) zero.
        std::istringstream stream(std::string(begin, result.ptr));
        stream.imbue(std::locale::classic());
        double wide = 0;
        stream >> wide;
        if (std::abs(wide) >= 1) {
            refuse("{} is '{}'; it does not fit float32", what, field.substr(0, 32));
        }
        value = 0;
        result.ec = std::errc();
    }
    if (result.ec != std::errc() || result.ptr != end) {
        refuse("{} is '{}'; it must be a number", what, field.substr(0, 32));
    }
    return value;
}

void TextFile::require_line_end() {
    const std::string_view field = next_field();
    if (!field.empty()) {
        refuse("'{}' follows where the line should end", field.substr(0, 32));
    }
}

}  // namespace bsk
