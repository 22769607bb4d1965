/*
 * A broken system call layer, to show that the tests can fail: it forgets what is registered while the process
 * has more than one thread, and does not know three ioctls.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <unistd.h>

int epoll_ctl(int ep, int op, int fd, struct epoll_event *event) {
  if (op == EPOLL_CTL_ADD && !__libc_single_threaded) {
    int result = syscall(SYS_epoll_ctl, ep, op, fd, event);
    if (result == 0) syscall(SYS_epoll_ctl, ep, EPOLL_CTL_DEL, fd, event);
    return result;
  }
  return syscall(SYS_epoll_ctl, ep, op, fd, event);
}

int ioctl(int fd, unsigned long request, ...) {
  va_list more;
  va_start(more, request);
  void *argument = va_arg(more, void *);
  va_end(more);
  if (request == FIONBIO || request == FIOCLEX || request == FIONCLEX) {
    errno = ENOTTY;
    return -1;
  }
  return syscall(SYS_ioctl, fd, request, argument);
}
