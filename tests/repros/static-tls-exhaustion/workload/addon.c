/* An addon whose thread-local takes SIZE bytes, as a random number generator's state may. */
#include <node_api.h>

static __thread unsigned char generator_state[SIZE];

static napi_value touch(napi_env env, napi_callback_info info) {
  napi_value value;
  (void)info;
  generator_state[SIZE - 1]++;
  napi_create_int32(env, generator_state[SIZE - 1], &value);
  return value;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "touch", NAPI_AUTO_LENGTH, touch, NULL, &function);
  napi_set_named_property(env, exports, "touch", function);
  return exports;
}
