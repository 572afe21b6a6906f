/* Loaded before the C library: a disk that is slow and a wall clock that jumps, for one process.
 *
 * Both are read from the file that COREOS_SHIM names each time, so that whoever writes it changes them at once. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
    /* How much longer a sync takes. */
    volatile int64_t sync_ms;
    /* How far the wall clock is from the machine's. */
    volatile int64_t shift_s;
};

typedef int read_clock(clockid_t, struct timespec *);

/* Until the file is there. */
static struct control as_usual;
static struct control *control = &as_usual;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("COREOS_SHIM");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *found = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ, MAP_SHARED, file, 0);
    if (found == MAP_FAILED) {
        abort();
    }
    close(file);
    control = found;
}

static void be_slow(void) {
    struct timespec left = {control->sync_ms / 1000, control->sync_ms % 1000 * 1000000};
    while (nanosleep(&left, &left) == -1 && errno == EINTR) {
    }
}

int fsync(int file) {
    be_slow();
    return (int)syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    be_slow();
    return (int)syscall(SYS_fdatasync, file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static read_clock *real;
    if (real == NULL) {
        real = (read_clock *)dlsym(RTLD_NEXT, "clock_gettime");
    }
    int status = real(clock, now);
    if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += control->shift_s;
    }
    return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (result != NULL) {
        *result = exact.tv_sec;
    }
    return exact.tv_sec;
}
