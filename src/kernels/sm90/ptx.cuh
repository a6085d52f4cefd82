// One PTX instruction each, as the kernels for Hopper use them. Section numbers are those of the PTX ISA 9.0.
#pragma once

#include <cstdint>

#include <cuda.h>

namespace bsk::ptx {

__device__ inline std::uint32_t shared_address(const void* pointer) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

/// The same value, kept in a register. An address of dynamic shared memory is computed again at every use otherwise, from the
/// CTA's rank in its cluster, which takes some 40 clocks.
__device__ inline std::uint32_t kept(std::uint32_t value) {
    asm volatile("" : "+r"(value));
    return value;
}

/// 10.1 %tid: threadIdx.x, read where it is used and not kept in a register from before.
__device__ inline unsigned thread() {
    unsigned thread;
    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
    return thread;
}

/// 4 words from a shared-memory address.
__device__ inline void load_shared_x4(std::uint32_t (&words)[4], std::uint32_t address) {
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address)
                 : "memory");
}

// ---- Clusters -------------------------------------------------------------------------------------------

/// 10.33 %cluster_ctarank: index of this CTA in its cluster.
__device__ inline int cluster_rank() {
    int rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

/// 9.7.13.4 barrier.cluster: all threads of the cluster; writes before are visible after.
__device__ inline void cluster_sync() {
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// ---- Barriers in shared memory (mbarrier, 9.7.13.15) ----------------------------------------------------

__device__ inline void mbarrier_init(std::uint64_t* barrier, int arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals)
                 : "memory");
}

/// 9.7.13.15.13 fence.mbarrier_init: makes initialised barriers visible to the cluster and to TMA.
__device__ inline void fence_mbarrier_init() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

/// Arrives, and adds `bytes` to what TMA must still deliver in this phase.
__device__ inline void mbarrier_arrive_expect_tx(std::uint64_t* barrier, std::uint32_t bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
                 "r"(bytes)
                 : "memory");
}

/// The same place in the shared memory of CTA `rank` of the cluster.
__device__ inline std::uint32_t remote_address(std::uint32_t address, std::uint32_t rank) {
    std::uint32_t remote;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(address), "r"(rank));
    return remote;
}

/// Arrives at a barrier of any CTA of the cluster.
__device__ inline void mbarrier_arrive_remote(std::uint32_t barrier) {
    asm volatile("mbarrier.arrive.shared::cluster.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/// Arrives at the barrier at the same place in the shared memory of CTA `rank` of the cluster.
__device__ inline void mbarrier_arrive_cluster(std::uint64_t* barrier, std::uint32_t rank) {
    mbarrier_arrive_remote(remote_address(shared_address(barrier), rank));
}

/// Waits for the completion of the phase of this parity. The loop holds no trap: one makes ptxas keep the
/// launch's register limit for the whole kernel.
__device__ inline void mbarrier_wait(std::uint32_t barrier, std::uint32_t parity) {
    asm volatile(
        "{\n"
        ".reg .pred done;\n"
        "again:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
        "@!done bra again;\n"
        "}" ::"r"(barrier),
        "r"(parity)
        : "memory");
}

__device__ inline void mbarrier_wait(std::uint64_t* barrier, std::uint32_t parity) {
    mbarrier_wait(shared_address(barrier), parity);
}

// ---- Barriers of part of a CTA (9.7.13.1 barrier) -------------------------------------------------------

__device__ inline void named_barrier_sync(int id, int threads) {
    asm volatile("barrier.sync.aligned %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

__device__ inline void named_barrier_arrive(int id, int threads) {
    asm volatile("barrier.arrive.aligned %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/// As named_barrier_sync; whether `value` holds for any of the threads.
__device__ inline bool named_barrier_or(int id, int threads, bool value) {
    int any = 0;
    asm volatile(
        "{\n"
        ".reg .pred value, any;\n"
        "setp.ne.s32 value, %3, 0;\n"
        "barrier.red.or.pred.aligned any, %1, %2, value;\n"
        "selp.s32 %0, 1, 0, any;\n"
        "}"
        : "=r"(any)
        : "r"(id), "r"(threads), "r"(value ? 1 : 0)
        : "memory");
    return any != 0;
}

/// atom.add of one, acquire and release at device scope: what this thread has seen written before is seen
/// by who reads a later value. Returns the value before.
__device__ inline std::uint32_t atomic_increment_acq_rel(std::int32_t* counter) {
    std::uint32_t before = 0;
    asm volatile("atom.add.acq_rel.gpu.global.u32 %0, [%1], 1;" : "=r"(before) : "l"(counter) : "memory");
    return before;
}

// ---- Tensor memory accelerator (9.7.9.27) ---------------------------------------------------------------

/// 9.7.9.18 createpolicy: how L2 keeps the lines of a load or store, as usual or as the first to give up. Volatile, so that it is
/// made where it is used: neither producers nor consumers have registers to keep one.
__device__ inline std::uint64_t l2_policy(bool evict_first) {
    std::uint64_t policy;
    asm volatile(
        "{\n"
        ".reg .pred first;\n"
        ".reg .b64 normal;\n"
        "setp.ne.u32 first, %1, 0;\n"
        "createpolicy.fractional.L2::evict_first.b64 %0;\n"
        "createpolicy.fractional.L2::evict_normal.b64 normal;\n"
        "selp.b64 %0, %0, normal, first;\n"
        "}"
        : "=l"(policy)
        : "r"(evict_first ? 1 : 0));
    return policy;
}

__device__ inline void prefetch_tensor_map(const CUtensorMap* map) {
    asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

/// cp.async.bulk.tensor: the box of `map` at element (x, y), x along the contiguous dimension.
__device__ inline void tma_load(void* shared, const CUtensorMap* map, std::uint64_t* barrier, int x, int y) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], "
        "[%2];" ::"r"(shared_address(shared)),
        "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y)
        : "memory");
}

/// The same under an l2_policy().
__device__ inline void tma_load(void* shared, const CUtensorMap* map, std::uint64_t* barrier, int x, int y,
                                std::uint64_t policy) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint"
        " [%0], [%1, {%3, %4}], [%2], %5;" ::"r"(shared_address(shared)),
        "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y), "l"(policy)
        : "memory");
}

/// The first, to the same place in every CTA of the cluster in `cta_mask`; each CTA's own barrier counts the bytes.
__device__ inline void tma_load_multicast(void* shared, const CUtensorMap* map, std::uint64_t* barrier, int x,
                                          int y, std::uint16_t cta_mask) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
        " [%0], [%1, {%3, %4}], [%2], %5;" ::"r"(shared_address(shared)),
        "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y), "h"(cta_mask)
        : "memory");
}

/// The same under an l2_policy().
__device__ inline void tma_load_multicast(void* shared, const CUtensorMap* map, std::uint64_t* barrier, int x,
                                          int y, std::uint16_t cta_mask, std::uint64_t policy) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
        ".L2::cache_hint [%0], [%1, {%3, %4}], [%2], %5, %6;" ::"r"(shared_address(shared)),
        "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y), "h"(cta_mask), "l"(policy)
        : "memory");
}

/// 9.7.9.25.4.1 cp.async.bulk: `bytes` that follow each other, both ends at multiples of 16 bytes.
__device__ inline void bulk_load(void* shared, const void* global, std::uint64_t* barrier,
                                 std::uint32_t bytes) {
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
            shared_address(shared)),
        "l"(global), "r"(bytes), "r"(shared_address(barrier))
        : "memory");
}

/// The same, to every CTA of the cluster in `cta_mask`, as tma_load_multicast.
__device__ inline void bulk_load_multicast(void* shared, const void* global, std::uint64_t* barrier,
                                           std::uint32_t bytes, std::uint16_t cta_mask) {
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1], "
        "%2, [%3], "
        "%4;" ::"r"(shared_address(shared)),
        "l"(global), "r"(bytes), "r"(shared_address(barrier)), "h"(cta_mask)
        : "memory");
}

/// True in one lane of a converged warp (9.7.13.9 elect.sync). ptxas then knows that what follows runs in one lane, and issues
/// its TMA instructions without a loop over lanes.
__device__ inline bool elect_one() {
    std::uint32_t elected = 0;
    asm volatile(
        "{\n"
        ".reg .pred elected;\n"
        "elect.sync _|elected, 0xFFFFFFFF;\n"
        "selp.u32 %0, 1, 0, elected;\n"
        "}"
        : "=r"(elected));
    return elected != 0;
}

/// tma_load of a map with a third dimension, z.
__device__ inline void tma_load(void* shared, const CUtensorMap* map, std::uint64_t* barrier, int x, int y,
                                int z) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, "
        "%5}], "
        "[%2];" ::"r"(shared_address(shared)),
        "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y), "r"(z)
        : "memory");
}

/// tma_load of a map with a third and a fourth dimension.
__device__ inline void tma_load(void* shared, const CUtensorMap* map, std::uint64_t* barrier, int x, int y,
                                int z, int w) {
    asm volatile(
        "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, "
        "%5, %6}], "
        "[%2];" ::"r"(shared_address(shared)),
        "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y), "r"(z), "r"(w)
        : "memory");
}

__device__ inline void tma_store(const CUtensorMap* map, const void* shared, int x, int y, int z,
                                 std::uint64_t policy) {
    asm volatile(
        "cp.async.bulk.tensor.3d.global.shared::cta.bulk_group.L2::cache_hint"
        " [%0, {%2, %3, %4}], [%1], %5;" ::"l"(map),
        "r"(shared_address(shared)), "r"(x), "r"(y), "r"(z), "l"(policy)
        : "memory");
}

/// 9.7.9.25.2.3 cp.async.bulk.commit_group: closes a group of this thread's stores.
__device__ inline void tma_store_commit() {
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

/// Waits until at most `kPending` of this thread's groups still read shared memory.
template <int kPending>
__device__ inline void tma_store_wait_read() {
    asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(kPending) : "memory");
}

/// 9.7.13.4 fence.proxy.async: this thread's shared-memory writes before are seen by TMA after a barrier.
__device__ inline void fence_proxy_async() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// ---- Register budget (9.7.20.5 setmaxnreg) --------------------------------------------------------------

template <int kRegisters>
__device__ inline void give_registers() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

template <int kRegisters>
__device__ inline void take_registers() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

// ---- 8x8 matrices of 16-bit elements between registers and shared memory (9.7.14.5.15, .16) -------------

/// Four matrices; the lanes' addresses are those of their rows (kTranspose: of their columns).
template <bool kTranspose>
__device__ inline void store_matrix_x4(void* shared, const std::uint32_t (&r)[4]) {
    if constexpr (kTranspose) {
        asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(
                         shared_address(shared)),
                     "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
                     : "memory");
    } else {
        asm volatile(
            "stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(shared_address(shared)),
            "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
            : "memory");
    }
}

template <bool kTranspose>
__device__ inline void load_matrix_x4(std::uint32_t (&r)[4], const void* shared) {
    if constexpr (kTranspose) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                     : "r"(shared_address(shared))
                     : "memory");
    } else {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                     : "r"(shared_address(shared))
                     : "memory");
    }
}

/// The same from a shared-memory address, not transposed, to registers that hold something until then: nothing else can be
/// put there while a wgmma that reads them is in flight.
__device__ inline void reload_matrix_x4(std::uint32_t (&r)[4], std::uint32_t address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "+r"(r[0]), "+r"(r[1]), "+r"(r[2]), "+r"(r[3])
                 : "r"(address)
                 : "memory");
}

}  // namespace bsk::ptx
