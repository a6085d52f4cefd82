#include "cli/interrupt.h"

#include <csignal>

namespace bsk::cli {
namespace {

std::atomic<bool> flag{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler may store it

}  // namespace

void watch_for_interrupt() {
    struct sigaction action {};
    action.sa_handler = [](int) { flag = true; };
    action.sa_flags = SA_RESETHAND;
    sigaction(SIGINT, &action, nullptr);
}

const std::atomic<bool>& interrupted() {
    return flag;
}

}  // namespace bsk::cli
