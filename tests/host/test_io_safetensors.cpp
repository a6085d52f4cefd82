#include <cstdint>
#include <cstring>
#include <functional>

#include <nlohmann/json.hpp>

#include "host/format_support.h"

#include <bsk/io.h>

namespace bsk::test {
namespace {

using nlohmann::json;

std::string file_of(const json& header, const std::string& data) {
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    return bytes + text + data;
}

template <class T>
std::string bytes_of(const std::vector<T>& numbers) {
    return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)};
}

/// A valid file of 40 x 20 in 16 x 16: 3 x 2 blocks, of which two are stored, in float16.
struct Parts {
    json header = {{"__metadata__", {{"format", "bsr"}, {"shape", "40,20"}, {"block", "16,16"}}},
                   {"crow_indices", {{"dtype", "I32"}, {"shape", {4}}, {"data_offsets", {0, 16}}}},
                   {"col_indices", {{"dtype", "I32"}, {"shape", {2}}, {"data_offsets", {16, 24}}}},
                   {"values", {{"dtype", "F16"}, {"shape", {2, 16, 16}}, {"data_offsets", {24, 1048}}}}};
    std::string data = bytes_of<std::int32_t>({0, 1, 1, 2}) + bytes_of<std::int32_t>({1, 0}) +
                       bytes_of(std::vector<std::uint16_t>(512, 0));
};

class Safetensors : public FileTest {
protected:
    void expect_refused(const std::string& fragment, const std::function<void(Parts&)>& fault) const {
        Parts parts;
        fault(parts);
        expect_file_refused(fragment, file_of(parts.header, parts.data));
    }
    void expect_file_refused(const std::string& fragment, const std::string& contents) const {
        const std::string file = write("bad.safetensors", contents);
        expect_error(ErrorCode::file_error, fragment, [&] { (void)read_safetensors(file); });
        expect_error(ErrorCode::file_error, file, [&] { (void)read_safetensors(file); });
    }
};

TEST_F(Safetensors, RoundTripsEveryBlockDTypeAndSize) {
    for (const int block_m : kSides) {
        for (const int block_k : kSides) {
            for (const DType dtype : kDTypes) {
                for (const auto& [m, k] : {std::pair{300, 260}, {0, 5}, {5, 0}, {0, 0}, {1, 1}}) {
                    const BsrMatrix a = random_matrix(m, k, block_m, block_k, dtype);
                    write_safetensors(path("a.safetensors"), a.view());
                    expect_equal(read_safetensors(path("a.safetensors")), a);
                }
            }
        }
    }
}

TEST_F(Safetensors, KeepsEveryBit) {
    BsrMatrix a = random_matrix(64, 64, 32, 32, DType::bf16, 1.0);
    std::fill(a.values.begin(), a.values.end(), std::byte{0xff});  // NaN
    write_safetensors(path("a.safetensors"), a.view());
    expect_equal(read_safetensors(path("a.safetensors")), a);
}

TEST_F(Safetensors, ReadsInt64IndicesInAnyOrderAtAnyAlignment) {
    Parts parts;
    parts.header["values"]["data_offsets"] = {0, 1024};
    parts.header["col_indices"] = {{"dtype", "I64"}, {"shape", {2}}, {"data_offsets", {1024, 1040}}};
    parts.header["crow_indices"] = {{"dtype", "I64"}, {"shape", {4}}, {"data_offsets", {1040, 1072}}};
    parts.data = bytes_of(std::vector<std::uint16_t>(512, 0x3c00)) + bytes_of<std::int64_t>({1, 0}) +
                 bytes_of<std::int64_t>({0, 1, 1, 2});
    for (const char* padding : {"", "x", "xyz"}) {
        parts.header["__metadata__"]["note"] = padding;
        const BsrMatrix a = read_safetensors(write("a.safetensors", file_of(parts.header, parts.data)));
        EXPECT_EQ(a.crow_indices, (std::vector<std::int32_t>{0, 1, 1, 2}));
        EXPECT_EQ(a.col_indices, (std::vector<std::int32_t>{1, 0}));
        EXPECT_EQ(to_dense(a).get(0, 16), 1.0F);
    }
}

TEST_F(Safetensors, RefusesEveryTruncationAndAnExtraByte) {
    const Parts parts;
    const std::string whole = file_of(parts.header, parts.data);
    ASSERT_NO_THROW((void)read_safetensors(write("a.safetensors", whole)));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const std::string file = write("cut.safetensors", whole.substr(0, size));
        ASSERT_THROW((void)read_safetensors(file), Error) << size;
    }
    expect_file_refused("data_offsets", whole + "x");
}

TEST_F(Safetensors, RefusesHeaders) {
    expect_file_refused("header length: the file has 0 bytes", "");
    expect_file_refused("header length: the file has 7 bytes", "1234567");
    expect_file_refused("header length: 18446744073709551615 bytes", std::string(8, '\xff') + "{}");
    expect_file_refused("header length: 3 bytes", std::string("\3\0\0\0\0\0\0\0{}", 10));
    expect_file_refused("header: it is not a JSON object", std::string("\2\0\0\0\0\0\0\0[]", 10));
    expect_file_refused("header: it is not a JSON object", std::string("\2\0\0\0\0\0\0\0{x", 10));
    const Parts parts;
    const std::string huge((1 << 20) + 1, ' ');
    expect_file_refused("header length: 1048577 bytes",
                        std::string("\1\0\x10\0\0\0\0\0", 8) + huge + parts.data);
    expect_refused("header: unexpected tensor 'bias'",
                   [](Parts& p) { p.header["bias"] = p.header["values"]; });
}

TEST_F(Safetensors, RefusesTensors) {
    using P = Parts;
    expect_refused("values: the tensor is missing", [](P& p) { p.header.erase("values"); });
    expect_refused("values: the tensor is missing", [](P& p) { p.header["values"] = 3; });
    expect_refused("values: dtype \"F64\"", [](P& p) { p.header["values"]["dtype"] = "F64"; });
    expect_refused("values: dtype \"I32\"", [](P& p) { p.header["values"]["dtype"] = "I32"; });
    expect_refused("values: dtype null", [](P& p) { p.header["values"].erase("dtype"); });
    expect_refused("crow_indices: dtype \"U32\"", [](P& p) { p.header["crow_indices"]["dtype"] = "U32"; });
    expect_refused("col_indices: shape is [2,1]", [](P& p) { p.header["col_indices"]["shape"] = {2, 1}; });
    expect_refused("values: shape is null", [](P& p) { p.header["values"].erase("shape"); });
    expect_refused("values: shape holds -2", [](P& p) { p.header["values"]["shape"] = {-2, 16, 16}; });
    expect_refused("values: shape holds 2.5", [](P& p) { p.header["values"]["shape"] = {2.5, 16, 16}; });
    expect_refused("values: shape holds 18446744073709551615", [](P& p) {
        p.header["values"]["shape"] = {18446744073709551615U, 16, 16};
    });
    // 2^62 blocks of 512 bytes are 0 bytes modulo 2^64.
    expect_refused("values: data_offsets hold 1024 bytes", [](P& p) {
        p.header["values"]["shape"] = {std::int64_t{1} << 62, 16, 16};
    });
    expect_refused("values: data_offsets hold 1024 bytes", [](P& p) {
        p.header["values"]["shape"] = {3, 16, 16};
    });
}

TEST_F(Safetensors, RefusesOffsets) {
    using P = Parts;
    expect_refused("values: data_offsets [24, 1049]",
                   [](P& p) { p.header["values"]["data_offsets"][1] = 1049; });
    expect_refused("values: data_offsets [1048, 24]", [](P& p) {
        p.header["values"]["data_offsets"] = {1048, 24};
    });
    expect_refused("values: data_offsets holds -1", [](P& p) { p.header["values"]["data_offsets"][0] = -1; });
    expect_refused("values: data_offsets is [24]", [](P& p) { p.header["values"]["data_offsets"] = {24}; });
    expect_refused("data_offsets: a tensor starts at byte 0 of the data, expected 8", [](P& p) {
        p.header["col_indices"]["data_offsets"] = {0, 8};
    });
    expect_refused("data_offsets: a tensor starts at byte 32 of the data, expected 24", [](P& p) {
        p.header["values"]["data_offsets"] = {32, 1056};
        p.data += "12345678";
    });
    expect_refused("data_offsets: the tensors end", [](P& p) { p.data += "12345678"; });
}

TEST_F(Safetensors, RefusesMetadata) {
    using P = Parts;
    const auto set = [](const char* name, const json& value) {
        return [=](P& p) { p.header["__metadata__"][name] = value; };
    };
    expect_refused("format: the metadata lacks", [](P& p) { p.header.erase("__metadata__"); });
    expect_refused("format: the metadata lacks", [](P& p) { p.header["__metadata__"] = 1; });
    expect_refused("shape: the metadata lacks", [](P& p) { p.header["__metadata__"].erase("shape"); });
    expect_refused("format: 'csr'", set("format", "csr"));
    expect_refused("shape: the metadata lacks", set("shape", 40));
    for (const char* text : {"", "40", "40,", ",20", "40,20,1", "40 20", "a,b", "40,20 ", "1e2,20"}) {
        expect_refused("shape: '" + std::string(text) + "'", set("shape", text));
    }
    expect_refused("shape: '99999999999999999999,20'", set("shape", "99999999999999999999,20"));
    expect_refused("m is -40", set("shape", "-40,20"));
    expect_refused("m is 9000000000000000000", set("shape", "9000000000000000000,20"));
    expect_refused("crow_indices: 4 indices; 4 block rows need 5", set("shape", "49,20"));
    expect_refused("crow_indices: 4 indices; 125000000 block rows", set("shape", "2000000000,20"));
    expect_refused("must be in [0, 1)", set("shape", "40,16"));
    expect_refused("block: '32,16'", set("block", "32,16"));
    expect_refused("block_m is 8", [](P& p) {
        p.header["__metadata__"]["block"] = "8,32";
        p.header["values"]["shape"] = {2, 8, 32};
    });
    expect_refused("block: '4294967312,0' is too large", [](P& p) {
        p.header["__metadata__"]["block"] = "4294967312,0";
        p.header["values"] = {{"dtype", "F16"}, {"shape", {2, 4294967312, 0}}, {"data_offsets", {24, 24}}};
        p.data.resize(24);
    });
}

TEST_F(Safetensors, RefusesPatterns) {
    using P = Parts;
    const auto set = [](std::size_t position, std::int32_t index) {
        return [=](P& p) { std::memcpy(p.data.data() + position * sizeof index, &index, sizeof index); };
    };
    expect_refused("crow_indices[0] is 1", set(0, 1));
    expect_refused("decreases from 1 to 0 at block row 1", set(2, 0));
    expect_refused("reaches 9 at block row 2", set(3, 9));
    expect_refused("holds 2 in block row 0", set(4, 2));
    expect_refused("holds -1 in block row 2", set(5, -1));
    expect_refused("col_indices: crow_indices is I32 but this is I64", [](P& p) {
        p.header["col_indices"] = {{"dtype", "I64"}, {"shape", {1}}, {"data_offsets", {16, 24}}};
    });
    expect_refused("col_indices: 2 columns for the 1 blocks", [](P& p) {
        p.header["values"] = {{"dtype", "F32"}, {"shape", {1, 16, 16}}, {"data_offsets", {24, 1048}}};
    });
}

TEST_F(Safetensors, RefusesToWriteAMalformedMatrix) {
    BsrMatrix a = random_matrix(64, 64, 16, 16, DType::f16);
    a.col_indices[0] = 99;
    expect_error(ErrorCode::invalid_pattern, "holds 99",
                 [&] { write_safetensors(path("a.safetensors"), a.view()); });
    EXPECT_EQ(file_count(), 0U);
}

TEST_F(Safetensors, ReadBsrKeepsOrReblocks) {
    const BsrMatrix a = random_matrix(100, 100, 32, 32, DType::f16);
    write_safetensors(path("a.safetensors"), a.view());
    expect_equal(read_bsr(path("a.safetensors"), 0, 0, DType::f32), a);
    expect_equal(read_bsr(path("a.safetensors"), 32, 32, DType::f32), a);
    expect_equal(read_bsr(path("a.safetensors"), 16, 64, DType::f32), reblock(a.view(), 16, 64));
    expect_error(ErrorCode::invalid_argument, "extension '.npz'",
                 [&] { (void)read_bsr(path("a.npz"), 16, 16, DType::f16); });
}

}  // namespace
}  // namespace bsk::test
