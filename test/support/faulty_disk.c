// A disk that fails, in front of the real one: loaded with LD_PRELOAD. See faulty_disk.ts for the variables.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static long written;

// Whether a descriptor is of a file below $FAULTY_UNDER.
static int is_ours(int fd) {
  const char* under = getenv("FAULTY_UNDER");
  char link[64], path[PATH_MAX];
  if (!under) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return strncmp(path, under, strlen(under)) == 0;
}

// How many of `count` bytes there is room for; -1 without a limit.
static long room(int fd, size_t count) {
  const char* bytes = getenv("FAULTY_BYTES");
  if (!bytes || !is_ours(fd)) return -1;
  long left = atol(bytes) - written;
  if (left < 0) left = 0;
  if ((long)count < left) left = (long)count;
  written += left;
  return left;
}

ssize_t write(int fd, const void* data, size_t count) {
  static ssize_t (*real)(int, const void*, size_t);
  if (!real) real = (ssize_t(*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
  long left = room(fd, count);
  if (left == 0 && count > 0) return errno = ENOSPC, -1;
  return real(fd, data, left < 0 ? count : (size_t)left);
}

ssize_t pwrite64(int fd, const void* data, size_t count, off64_t at) {
  static ssize_t (*real)(int, const void*, size_t, off64_t);
  if (!real) real = (ssize_t(*)(int, const void*, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
  long left = room(fd, count);
  if (left == 0 && count > 0) return errno = ENOSPC, -1;
  return real(fd, data, left < 0 ? count : (size_t)left, at);
}

ssize_t pwrite(int fd, const void* data, size_t count, off_t at) { return pwrite64(fd, data, count, at); }

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  const char* sync = getenv("FAULTY_SYNC");
  struct stat info;
  if (sync && is_ours(fd) && fstat(fd, &info) == 0) {
    int folder = S_ISDIR(info.st_mode);
    if (folder && strcmp(sync, "folder") == 0) return errno = EINVAL, -1;
    if (!folder && strcmp(sync, "file") == 0) return errno = EIO, -1;
  }
  return real(fd);
}
