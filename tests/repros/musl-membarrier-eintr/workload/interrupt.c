/* The library that does nothing: it declares a thread-local, and that is enough. */
_Thread_local int counter = 1;

int count(void) { return counter++; }
