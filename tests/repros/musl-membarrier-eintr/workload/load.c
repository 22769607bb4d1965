/* Load one library whose thread polls, then another: what the report's Node program does with two addons. */
#define _GNU_SOURCE
#include "watcher.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void *must(void *handle) {
  if (handle) return handle;
  fprintf(stderr, "%s\n", dlerror());
  exit(2);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  void *watcher = must(dlopen(argv[1], RTLD_NOW));
  void (*start)(const char *);
  struct watch_result (*end)(void);
  double (*now)(void);
  *(void **)&start = must(dlsym(watcher, "watch_start"));
  *(void **)&end = must(dlsym(watcher, "watch_end"));
  *(void **)&now = must(dlsym(watcher, "now_ms"));
  start(argv[3]);
  /* Time for the thread to get into its poll. */
  nanosleep(&(struct timespec){0, 500 * 1000 * 1000}, NULL);
  double before = now();
  must(dlopen(argv[2], RTLD_NOW));
  double loading = now() - before;
  struct watch_result seen = end();
  printf("{\"returned\":%d,\"errno\":%d,\"interrupted\":%d,\"tookMs\":%.0f,\"dlopenMs\":%.0f}\n", seen.returned,
         seen.error, seen.interrupted, seen.took_ms, loading);
  return 0;
}
