/* Stands for the file watcher of the report: a thread that waits in poll() for something that does not come. */
#define _GNU_SOURCE
#include "watcher.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 3000

static pthread_t thread;
static const char *way;
static struct watch_result result;

double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void *wait_for_events(void *unused) {
  int ends[2];
  double start = now_ms(), left = TIMEOUT_MS;
  (void)unused;
  if (pipe(ends) != 0) return NULL;
  struct pollfd fd = {.fd = ends[0], .events = POLLIN};
  do {
    if (strcmp(way, "ppoll-masked") == 0) {
      struct timespec timeout = {left / 1000, 0};
      sigset_t mask;
      /* By hand: musl's sigaddset() and sigfillset() leave out the signals it keeps for itself, 34 among them. */
      memset(&mask, 0xff, sizeof mask);
      result.returned = ppoll(&fd, 1, &timeout, &mask);
    } else {
      result.returned = poll(&fd, 1, left);
    }
    result.error = result.returned < 0 ? errno : 0;
    if (result.error == EINTR) result.interrupted++;
    left = TIMEOUT_MS - (now_ms() - start);
  } while (strcmp(way, "poll-retry") == 0 && result.error == EINTR && left > 0);
  result.took_ms = now_ms() - start;
  return NULL;
}

void watch_start(const char *how) {
  way = how;
  pthread_create(&thread, NULL, wait_for_events, NULL);
}

struct watch_result watch_end(void) {
  pthread_join(thread, NULL);
  return result;
}
