// A shared library that is loaded at run time, so that nothing fails to start where it is missing.
#pragma once

#include <string>
#include <vector>

namespace bsk {

class DynamicLibrary {
public:
    /// Takes the first of `file_names` that the process has loaded already (PyTorch brings a cuBLAS of its own),
    /// else loads the first that the dynamic loader finds; keeps it until the process ends.
    /// @throws Error unsupported with the reason the dynamic loader gives.
    DynamicLibrary(const std::string& title, const std::vector<std::string>& file_names);

    /// @throws Error unsupported for a function the library does not have.
    template <class Signature>
    [[nodiscard]] Signature* function(const char* symbol) const {
        return reinterpret_cast<Signature*>(find(symbol));
    }

private:
    [[nodiscard]] void* find(const char* symbol) const;

    std::string file_name_;
    void* handle_ = nullptr;
};

}  // namespace bsk
