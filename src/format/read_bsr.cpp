#include <filesystem>

#include "base/check.h"

#include <bsk/io.h>

namespace bsk {

BsrMatrix read_bsr(const std::string& path, int block_m, int block_k, DType dtype) {
    const std::string extension = std::filesystem::path(path).extension().string();
    if (extension == ".safetensors") {
        BsrMatrix a = read_safetensors(path);
        if (block_m == 0 || (block_m == a.block_m && block_k == a.block_k)) {
            return a;
        }
        return reblock(a.view(), block_m, block_k);
    }
    if (extension == ".mtx") {
        return bsr_from_csr(read_matrix_market(path), block_m, block_k, dtype);
    }
    if (extension == ".smtx") {
        return bsr_from_csr(read_smtx(path), block_m, block_k, dtype);
    }
    fail(ErrorCode::invalid_argument,
         "{} has the extension '{}'; files of .mtx, .smtx and .safetensors can be read", path, extension);
}

}  // namespace bsk
