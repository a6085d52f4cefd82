#include "base/dynamic_library.h"

#include <dlfcn.h>

#include "base/check.h"

namespace bsk {

DynamicLibrary::DynamicLibrary(const std::string& title, const std::vector<std::string>& file_names) {
    std::string reason;  // of the first, which is the one wanted most
    for (const int already_loaded : {RTLD_NOLOAD, 0}) {
        for (const std::string& name : file_names) {
            handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | already_loaded);
            if (handle_ != nullptr) {
                file_name_ = name;
                return;
            }
            const char* error = dlerror();  // null where the library is merely not loaded
            if (reason.empty() && error != nullptr) {
                reason = error;
            }
        }
    }
    fail(ErrorCode::unsupported, "{} cannot be loaded ({}); install it or add its folder to LD_LIBRARY_PATH.",
         title, reason);
}

void* DynamicLibrary::find(const char* symbol) const {
    void* address = dlsym(handle_, symbol);
    require(address != nullptr, ErrorCode::unsupported,
            "{} has no function {}; a newer version of it is needed.", file_name_, symbol);
    return address;
}

}  // namespace bsk
