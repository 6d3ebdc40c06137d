/* A wall clock that is wrong by the nanoseconds in FAULTY_CLOCK_FILE: preloaded into a server.
 *
 * The monotonic clock is unchanged, as it is after a change of the system time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const int64_t right = 0;
static const volatile int64_t *wrong_by = &right;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *name = getenv("FAULTY_CLOCK_FILE");
    if (!name) return;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    wrong_by = mmap(NULL, sizeof *wrong_by, PROT_READ, MAP_SHARED, fd, 0);
    if (wrong_by == MAP_FAILED) abort();
    close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real) begin();
    int result = real(clock, now);
    if (!result && clock == CLOCK_REALTIME) {
        int64_t time = now->tv_sec * 1000000000LL + now->tv_nsec + *wrong_by;
        now->tv_sec = time / 1000000000LL;
        now->tv_nsec = time % 1000000000LL;
    }
    return result;
}
