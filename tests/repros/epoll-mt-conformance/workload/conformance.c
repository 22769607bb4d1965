/*
 * What epoll and three ioctls must do in a process with several threads. One line a test: "ok NAME" or
 * "not ok NAME: what was found". See epoll(7), epoll_ctl(2), ioctl_tty(2) and open(2) (O_PATH).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WAIT_MS 1000

static int failures;
static pthread_mutex_t idle = PTHREAD_MUTEX_INITIALIZER;

/* Keeps the process multi-threaded until it ends. */
static void *sibling(void *unused) {
  (void)unused;
  pthread_mutex_lock(&idle);
  return NULL;
}

static void report(const char *name, int good, const char *found, int value) {
  if (good) {
    printf("ok %s\n", name);
  } else {
    failures++;
    printf("not ok %s: %s %d\n", name, found, value);
  }
  fflush(stdout);
}

static int add(int ep, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

/* How many events come: -1 when one is for another descriptor. */
static int events_of(int ep, int fd) {
  struct epoll_event event;
  int count = epoll_wait(ep, &event, 1, WAIT_MS);
  return count == 1 && event.data.fd != fd ? -1 : count;
}

static void make_ready(int fd) {
  uint64_t one = 1;
  if (write(fd, &one, sizeof one) != sizeof one) perror("write");
}

static void eventfd_delivers(void) {
  int ep = epoll_create1(0), fd = eventfd(0, EFD_NONBLOCK);
  add(ep, fd, EPOLLIN);
  make_ready(fd);
  int count = events_of(ep, fd);
  report("eventfd-delivers", count == 1, "events", count);
  close(fd), close(ep);
}

static void pipe_delivers(void) {
  int ep = epoll_create1(0), ends[2];
  if (pipe(ends) != 0) return;
  add(ep, ends[0], EPOLLIN);
  make_ready(ends[1]);
  int count = events_of(ep, ends[0]);
  report("pipe-delivers", count == 1, "events", count);
  close(ends[0]), close(ends[1]), close(ep);
}

static int wake_fd;
static void *wake_later(void *unused) {
  (void)unused;
  usleep(200 * 1000);
  make_ready(wake_fd);
  return NULL;
}

/* What uv_async_send does: one thread waits, another makes it ready. */
static void other_thread_wakes(void) {
  int ep = epoll_create1(0);
  pthread_t waker;
  wake_fd = eventfd(0, EFD_NONBLOCK);
  add(ep, wake_fd, EPOLLIN);
  pthread_create(&waker, NULL, wake_later, NULL);
  int count = events_of(ep, wake_fd);
  report("other-thread-wakes", count == 1, "events", count);
  pthread_join(waker, NULL);
  close(wake_fd), close(ep);
}

/* One event for an edge, none for what is still there, one more for the next edge. */
static void edge_triggered(void) {
  int ep = epoll_create1(0), ends[2];
  struct epoll_event event;
  if (pipe(ends) != 0) return;
  add(ep, ends[0], EPOLLIN | EPOLLET);
  make_ready(ends[1]);
  int first = events_of(ep, ends[0]);
  int again = epoll_wait(ep, &event, 1, 100);
  make_ready(ends[1]);
  int next = events_of(ep, ends[0]);
  report("edge-triggered", first == 1 && again == 0 && next == 1, "events, as three digits:",
         first * 100 + again * 10 + next);
  close(ends[0]), close(ends[1]), close(ep);
}

/* Closing a watched descriptor unwatches it; the number's next owner is a stranger to the epoll instance. */
static void close_and_reopen(void) {
  int ep = epoll_create1(0), fd = eventfd(0, EFD_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN};
  add(ep, fd, EPOLLIN);
  close(fd);
  int reopened = eventfd(0, EFD_NONBLOCK);
  report("reopen-same-number", reopened == fd, "descriptor", reopened);
  event.data.fd = reopened;
  int mod = epoll_ctl(ep, EPOLL_CTL_MOD, reopened, &event) == 0 ? 0 : errno;
  report("reopen-mod-enoent", mod == ENOENT, "errno", mod);
  int del = epoll_ctl(ep, EPOLL_CTL_DEL, reopened, NULL) == 0 ? 0 : errno;
  report("reopen-del-enoent", del == ENOENT, "errno", del);
  int added = add(ep, reopened, EPOLLIN);
  report("reopen-add", added == 0, "errno", added);
  make_ready(reopened);
  int count = events_of(ep, reopened);
  report("reopen-delivers", count == 1, "events", count);
  close(reopened), close(ep);
}

static void fionbio(const char *name, int fd) {
  int on = 1, off = 0, flags[2];
  int error = ioctl(fd, FIONBIO, &on) == 0 ? 0 : errno;
  flags[0] = fcntl(fd, F_GETFL) & O_NONBLOCK;
  if (error == 0) error = ioctl(fd, FIONBIO, &off) == 0 ? 0 : errno;
  flags[1] = fcntl(fd, F_GETFL) & O_NONBLOCK;
  report(name, error == 0 && flags[0] && !flags[1], "errno", error);
}

static void cloexec(const char *name, int fd) {
  int error = ioctl(fd, FIOCLEX) == 0 ? 0 : errno;
  int on = fcntl(fd, F_GETFD) & FD_CLOEXEC;
  if (error == 0) error = ioctl(fd, FIONCLEX) == 0 ? 0 : errno;
  int off = fcntl(fd, F_GETFD) & FD_CLOEXEC;
  report(name, error == 0 && on && !off, "errno", error);
}

static void ioctls(const char *self) {
  int ends[2], file = open(self, O_RDONLY), path = open(self, O_PATH), on = 1;
  if (pipe(ends) != 0) return;
  fionbio("fionbio-file", file);
  fionbio("fionbio-pipe", ends[0]);
  int error = ioctl(path, FIONBIO, &on) == 0 ? 0 : errno;
  report("fionbio-o_path-ebadf", error == EBADF, "errno", error);
  cloexec("cloexec-file", file);
  cloexec("cloexec-pipe", ends[0]);
  /* fcntl(F_SETFD) works on O_PATH, but ioctl(2) takes no such descriptor, whatever the request: open(2). */
  error = fcntl(path, F_SETFD, FD_CLOEXEC) == 0 ? 0 : errno;
  report("setfd-o_path", error == 0 && fcntl(path, F_GETFD) == FD_CLOEXEC, "errno", error);
  error = ioctl(path, FIOCLEX) == 0 ? 0 : errno;
  report("fioclex-o_path-ebadf", error == EBADF, "errno", error);
  error = ioctl(path, FIONCLEX) == 0 ? 0 : errno;
  report("fionclex-o_path-ebadf", error == EBADF, "errno", error);
}

int main(int argc, char **argv) {
  pthread_t thread;
  (void)argc;
  pthread_mutex_lock(&idle);
  pthread_create(&thread, NULL, sibling, NULL);
  eventfd_delivers();
  pipe_delivers();
  other_thread_wakes();
  edge_triggered();
  close_and_reopen();
  ioctls(argv[0]);
  printf("done %d\n", failures);
  return failures ? 1 : 0;
}
