// What the format, io and generate tests share.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/element.h"

#include <bsk/bsr.h>
#include <bsk/error.h>

namespace bsk::test {

constexpr int kSides[] = {16, 32, 64, 128, 256};
constexpr DType kDTypes[] = {DType::f16, DType::bf16, DType::f32};

/// `action` must throw an Error of this code whose message contains `fragment`.
template <class Action>
void expect_error(ErrorCode code, const std::string& fragment, Action&& action) {
    try {
        action();
        ADD_FAILURE() << "no error; expected one with '" << fragment << "'";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), code) << error.what();
        EXPECT_NE(std::string(error.what()).find(fragment), std::string::npos)
            << "'" << error.what() << "' lacks '" << fragment << "'";
    }
}

/// Row-major rows x cols elements.
struct Dense {
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    DType dtype = DType::f32;
    std::vector<std::byte> data;

    [[nodiscard]] ConstMatrixView view() const {
        return {data.data(), dtype, rows, cols, Layout::row_major, cols, {}};
    }
    [[nodiscard]] MatrixView mutable_view() {
        return {data.data(), dtype, rows, cols, Layout::row_major, cols, {}};
    }
    void set(std::int64_t i, std::int64_t j, float value) {
        visit_dtype(dtype, [&]<class T>(ElementTag<T>) {
            reinterpret_cast<T*>(data.data())[i * cols + j] = static_cast<T>(value);
        });
    }
    [[nodiscard]] float get(std::int64_t i, std::int64_t j) const {
        return visit_dtype(dtype, [&]<class T>(ElementTag<T>) {
            return static_cast<float>(reinterpret_cast<const T*>(data.data())[i * cols + j]);
        });
    }
};

inline Dense zeros(std::int64_t rows, std::int64_t cols, DType dtype) {
    return {rows, cols, dtype,
            std::vector<std::byte>(static_cast<std::size_t>(rows * cols * size_of(dtype)))};
}

inline Dense to_dense(const BsrMatrix& a) {
    Dense dense = zeros(a.m, a.k, a.dtype);
    std::fill(dense.data.begin(), dense.data.end(), std::byte{0xff});
    bsr_to_dense(a.view(), dense.mutable_view());
    return dense;
}

/// Uniform, with a different value in nearly every stored element.
inline BsrMatrix random_matrix(std::int64_t m, std::int64_t k, int block_m, int block_k, DType dtype,
                               double density = 0.4) {
    GenerateOptions options;
    options.m = m;
    options.k = k;
    options.block_m = block_m;
    options.block_k = block_k;
    options.dtype = dtype;
    options.density = density;
    options.seed = 7;
    return generate(options);
}

inline void expect_equal(const BsrMatrix& a, const BsrMatrix& b) {
    EXPECT_EQ(a.m, b.m);
    EXPECT_EQ(a.k, b.k);
    EXPECT_EQ(a.block_m, b.block_m);
    EXPECT_EQ(a.block_k, b.block_k);
    EXPECT_EQ(a.dtype, b.dtype);
    EXPECT_EQ(a.crow_indices, b.crow_indices);
    EXPECT_EQ(a.col_indices, b.col_indices);
    EXPECT_TRUE(a.values == b.values);
}

/// A directory of its own for each test, removed at the end.
class FileTest : public ::testing::Test {
protected:
    FileTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "bsk-test-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~FileTest() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] std::string path(const std::string& file) const { return (directory_ / file).string(); }

    std::string write(const std::string& file, const std::string& contents) const {
        std::ofstream(path(file), std::ios::binary) << contents;
        return path(file);
    }
    [[nodiscard]] std::string read(const std::string& file) const {
        std::ifstream stream(path(file), std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    [[nodiscard]] std::size_t file_count() const {
        const std::filesystem::directory_iterator files(directory_);
        return static_cast<std::size_t>(std::distance(begin(files), end(files)));
    }

    std::filesystem::path directory_;
};

}  // namespace bsk::test
