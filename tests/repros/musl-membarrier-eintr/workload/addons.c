/* The report's two addons, of Node-API: compiled once with -DWATCHER and watcher.c, once without. */
#include <node_api.h>

static napi_value function(napi_env env, napi_value exports, const char *name, napi_callback body) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, body, NULL, &value);
  napi_set_named_property(env, exports, name, value);
  return exports;
}

#ifdef WATCHER
#include "watcher.h"

static napi_value start(napi_env env, napi_callback_info info) {
  napi_value argument, nothing;
  size_t count = 1;
  static char how[32];
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  napi_get_value_string_utf8(env, argument, how, sizeof how, NULL);
  watch_start(how);
  napi_get_undefined(env, &nothing);
  return nothing;
}

static void number(napi_env env, napi_value object, const char *name, double value) {
  napi_value number;
  napi_create_double(env, value, &number);
  napi_set_named_property(env, object, name, number);
}

/* Waits for the thread: what the report's addon throws as an error is told as numbers here. */
static napi_value end(napi_env env, napi_callback_info info) {
  napi_value object;
  struct watch_result seen = watch_end();
  (void)info;
  napi_create_object(env, &object);
  number(env, object, "returned", seen.returned);
  number(env, object, "errno", seen.error);
  number(env, object, "interrupted", seen.interrupted);
  number(env, object, "tookMs", seen.took_ms);
  return object;
}

NAPI_MODULE_INIT() { return function(env, function(env, exports, "start", start), "end", end); }
#else
static _Thread_local int counter = 1;

static napi_value count(napi_env env, napi_callback_info info) {
  napi_value value;
  (void)info;
  napi_create_int32(env, counter++, &value);
  return value;
}

NAPI_MODULE_INIT() { return function(env, exports, "count", count); }
#endif
