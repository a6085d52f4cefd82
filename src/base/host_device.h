// For the few functions that plan and kernels share.
#pragma once

#ifdef __CUDACC__
#define BSK_HOST_DEVICE __host__ __device__
#else
#define BSK_HOST_DEVICE
#endif
