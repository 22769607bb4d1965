/** Seconds. A worker that is silent for so long has lost its job; pg-boss knows no less than 10. */
export const silence = 20;

/** Bytes of all evidence in the database; what comes then stays on its worker. */
export const mostEvidence = 2 * 1024 ** 3;

/** Of every queue of jobs. */
export const queueOptions = {
  // A trial of an hour is one that hangs in a way of its own.
  expireInSeconds: 3 * 3600,
  heartbeatSeconds: silence,
  // Whatever dies, the trial is somebody's in the end.
  retryLimit: 20,
  deleteAfterSeconds: 14 * 24 * 3600,
} as const;
