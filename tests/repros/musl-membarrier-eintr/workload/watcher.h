struct watch_result {
  int returned;    /* by the last poll */
  int error;       /* errno of the last poll, 0: none */
  int interrupted; /* how many polls ended with EINTR */
  double took_ms;
};

double now_ms(void);
void watch_start(const char *how);
struct watch_result watch_end(void);
