// A failing disk in front of the real one: loaded with LD_PRELOAD. See faulty_disk.ts for the variables.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(result, name, ...) \
  static result (*real)(__VA_ARGS__); \
  if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static long written;
static uint64_t state;
static int read_only;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static long number(const char* name) {
  const char* text = getenv(name);
  return text ? atol(text) : 0;
}

// Whether a path is below $FAULTY_UNDER.
static int is_below(const char* path) {
  const char* under = getenv("FAULTY_UNDER");
  return under && path && strncmp(path, under, strlen(under)) == 0;
}

// Whether a descriptor is of a file below $FAULTY_UNDER.
static int is_ours(int fd) {
  char link[64], path[PATH_MAX];
  if (!getenv("FAULTY_UNDER")) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return is_below(path);
}

// A number below `limit`, drawn from $FAULTY_SEED by xorshift.
static uint64_t draw(uint64_t limit) {
  pthread_mutex_lock(&lock);
  if (!state) state = (uint64_t)number("FAULTY_SEED") * 0x9e3779b97f4a7c15u + 1;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  uint64_t value = (state * 0x2545f4914f6cdd1du) >> 33;
  pthread_mutex_unlock(&lock);
  return value % limit;
}

// The error of an operation, by chance of $FAULTY_PER_MILLE: ENOSPC, EIO, or EROFS, which then persists. After
// $FAULTY_CHANGES operations there is only EROFS. 0 for no error.
static int chance(void) {
  static long changes;
  if (getenv("FAULTY_CHANGES") && __atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED) > number("FAULTY_CHANGES")) {
    read_only = 1;
  }
  if (read_only) return EROFS;
  if ((long)draw(1000) >= number("FAULTY_PER_MILLE")) return 0;
  int faults[] = {ENOSPC, EIO, EROFS};
  int fault = faults[draw(3)];
  if (fault == EROFS) read_only = 1;
  return fault;
}

// The number of the `count` bytes that fit on the disk; -1 without a limit.
static long room(int fd, size_t count) {
  const char* bytes = getenv("FAULTY_BYTES");
  if (!bytes || !is_ours(fd)) return -1;
  long left = atol(bytes) - written;
  if (left < 0) left = 0;
  if ((long)count < left) left = (long)count;
  written += left;
  return left;
}

// The number of bytes that a write accepts; -1 with errno if it fails.
static long taken(int fd, size_t count) {
  long left = room(fd, count);
  if (left == 0 && count > 0) return errno = ENOSPC, -1;
  if (left < 0) left = (long)count;
  if (!is_ours(fd)) return left;
  int fault = chance();
  if (fault) return errno = fault, -1;
  return number("FAULTY_PER_MILLE") && left > 1 && draw(4) == 0 ? 1 + (long)draw((uint64_t)left - 1) : left; // a short write
}

ssize_t write(int fd, const void* data, size_t count) {
  REAL(ssize_t, "write", int, const void*, size_t);
  long left = taken(fd, count);
  return left < 0 ? -1 : real(fd, data, (size_t)left);
}

ssize_t pwrite64(int fd, const void* data, size_t count, off64_t at) {
  REAL(ssize_t, "pwrite64", int, const void*, size_t, off64_t);
  long left = taken(fd, count);
  return left < 0 ? -1 : real(fd, data, (size_t)left, at);
}

ssize_t pwrite(int fd, const void* data, size_t count, off_t at) { return pwrite64(fd, data, count, at); }

ssize_t writev(int fd, const struct iovec* parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec*, int);
  return count > 0 && is_ours(fd) ? write(fd, parts[0].iov_base, parts[0].iov_len) : real(fd, parts, count);
}

static int sync_fault(int fd) {
  const char* sync = getenv("FAULTY_SYNC");
  struct stat info;
  if (!is_ours(fd)) return 0;
  if (sync && fstat(fd, &info) == 0) {
    int folder = S_ISDIR(info.st_mode);
    if (folder && strcmp(sync, "folder") == 0) return EINVAL;
    if (!folder && strcmp(sync, "file") == 0) return EIO;
  }
  if (number("FAULTY_PER_MILLE") && draw(4) == 0) usleep((useconds_t)draw(20000)); // a slow one
  return chance();
}

int fsync(int fd) {
  REAL(int, "fsync", int);
  int fault = sync_fault(fd);
  return fault ? (errno = fault, -1) : real(fd);
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  int fault = sync_fault(fd);
  return fault ? (errno = fault, -1) : real(fd);
}

// The error of an operation that changes a name, by chance.
static int name_fault(const char* path) {
  int fault = is_below(path) ? chance() : 0;
  if (fault) errno = fault;
  return fault;
}

int rename(const char* from, const char* to) {
  REAL(int, "rename", const char*, const char*);
  return name_fault(to) ? -1 : real(from, to);
}

int unlink(const char* path) {
  REAL(int, "unlink", const char*);
  return name_fault(path) ? -1 : real(path);
}

int link(const char* from, const char* to) {
  REAL(int, "link", const char*, const char*);
  return name_fault(to) ? -1 : real(from, to);
}

int mkdir(const char* path, mode_t mode) {
  REAL(int, "mkdir", const char*, mode_t);
  return name_fault(path) ? -1 : real(path, mode);
}

static int opened(const char* path, int flags, mode_t mode) {
  REAL(int, "open64", const char*, int, ...);
  return (flags & (O_WRONLY | O_RDWR | O_CREAT)) && name_fault(path) ? -1 : real(path, flags, mode);
}

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return opened(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return opened(path, flags, mode);
}
