/* A disk that injects failures and records its operations: preloaded into a server.
 *
 * FAULTY_DISK_FILE names the store's file. Calls on it, on its -wal, its -journal and its folder
 * are counted, failed and recorded. All other calls are passed on. faults/disk.py controls it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { NO_CALL, WRITE, SYNC, TRUNCATE, OPEN, UNLINK };
enum { NO_FILE, MAIN, WAL, JOURNAL, FOLDER };

/* In the order of faults/disk.py. */
struct control {
    int64_t call, file, error, skip, times, failed, most_bytes, refused;
};

struct record {
    double began, ended;
    int64_t call, file, offset, length, error;
};

static struct control no_faults = {.most_bytes = -1};
static struct control *control = &no_faults;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char file_name[4096], folder_name[4096];
static int record_to = -1;
static char kinds[1 << 16];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("FAULTY_DISK_FILE");
    if (!file) return;
    strncpy(file_name, file, sizeof file_name - 1);
    strncpy(folder_name, file, sizeof folder_name - 1);
    *strrchr(folder_name, '/') = 0;
    int fd = REAL(open)(getenv("FAULTY_DISK_CONTROL"), O_RDWR | O_CLOEXEC);
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (control == MAP_FAILED) abort();
    REAL(close)(fd);
    if (getenv("FAULTY_DISK_RECORD"))
        record_to = REAL(open)(getenv("FAULTY_DISK_RECORD"), O_WRONLY | O_APPEND | O_CLOEXEC);
}

static int kind_of_name(const char *name) {
    size_t length = strlen(file_name);
    if (!length) return NO_FILE;
    if (!strcmp(name, folder_name)) return FOLDER;
    if (strncmp(name, file_name, length)) return NO_FILE;
    if (!name[length]) return MAIN;
    if (!strcmp(name + length, "-wal")) return WAL;
    return strcmp(name + length, "-journal") ? NO_FILE : JOURNAL;
}

static int kind(int fd) { return fd >= 0 && fd < (int)sizeof kinds ? kinds[fd] : NO_FILE; }

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* Return whether this call must fail. */
static int fails(int call, int file) {
    if (control->call != call || control->file != file || !control->times) return 0;
    if (control->skip-- > 0) return 0;
    if (control->times > 0) control->times--;
    control->failed++;
    return 1;
}

static void record(double began, int call, int file, int64_t offset, const void *data,
                   int64_t length, int error) {
    if (record_to < 0) return;
    struct record head = {began, now(), call, file, offset, length, error};
    if (REAL(write)(record_to, &head, sizeof head) != sizeof head) abort();
    if (data && REAL(write)(record_to, data, length) != length) abort();
}

static ssize_t store(int fd, const void *data, size_t size, off64_t offset) {
    int file = kind(fd), error = 0;
    pthread_mutex_lock(&lock);
    double began = now();
    if (fails(WRITE, file)) {
        error = control->error;
        size /= 2; /* a part is written all the same */
    } else if (control->most_bytes >= 0 && offset + (int64_t)size > control->most_bytes) {
        size = offset < control->most_bytes ? control->most_bytes - offset : 0;
        control->refused++;
        if (!size) error = ENOSPC;
    }
    ssize_t written = size ? REAL(pwrite64)(fd, data, size, offset) : 0;
    if (written > 0) record(began, WRITE, file, offset, data, written, 0);
    pthread_mutex_unlock(&lock);
    if (!error) return written;
    errno = error;
    return -1;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    return kind(fd) ? store(fd, data, size, offset) : REAL(pwrite64)(fd, data, size, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    return pwrite64(fd, data, size, offset);
}

static int sync_with(int (*real)(int), int fd) {
    int file = kind(fd), error = 0;
    if (!file) return real(fd);
    pthread_mutex_lock(&lock);
    double began = now();
    if (fails(SYNC, file)) error = control->error;
    else if (real(fd)) error = errno;
    record(began, SYNC, file, 0, NULL, 0, error);
    pthread_mutex_unlock(&lock);
    if (!error) return 0;
    errno = error;
    return -1;
}

int fsync(int fd) { return sync_with(REAL(fsync), fd); }

int fdatasync(int fd) { return sync_with(REAL(fdatasync), fd); }

int ftruncate64(int fd, off64_t size) {
    int file = kind(fd);
    if (!file) return REAL(ftruncate64)(fd, size);
    pthread_mutex_lock(&lock);
    double began = now();
    int result = REAL(ftruncate64)(fd, size);
    if (!result) record(began, TRUNCATE, file, size, NULL, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int open64(const char *name, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    int file = kind_of_name(name);
    if (!file) return REAL(open64)(name, flags, mode);
    pthread_mutex_lock(&lock);
    double began = now();
    struct stat there;
    int made = flags & O_CREAT && stat(name, &there);
    int fd = REAL(open64)(name, flags, mode);
    if (fd >= 0 && fd < (int)sizeof kinds) {
        kinds[fd] = file;
        record(began, OPEN, file, made, NULL, 0, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

int open(const char *name, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open64(name, flags, mode);
}

int unlink(const char *name) {
    int file = kind_of_name(name);
    if (!file) return REAL(unlink)(name);
    pthread_mutex_lock(&lock);
    double began = now();
    int result = REAL(unlink)(name);
    if (!result) record(began, UNLINK, file, 0, NULL, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

/* The free space is at most the size that a file may have. */
int statvfs64(const char *name, struct statvfs64 *there) {
    int result = REAL(statvfs64)(name, there);
    if (!result && control->most_bytes >= 0) {
        fsblkcnt64_t blocks = control->most_bytes / there->f_frsize;
        if (there->f_bavail > blocks) there->f_bavail = blocks;
    }
    return result;
}

int statvfs(const char *name, struct statvfs *there) {
    return statvfs64(name, (struct statvfs64 *)there);
}

int close(int fd) {
    if (kind(fd)) kinds[fd] = NO_FILE;
    return REAL(close)(fd);
}
