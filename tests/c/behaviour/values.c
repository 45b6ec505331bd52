// Values: what each kind converts to, and how things are found in them.

#define _DEFAULT_SOURCE

#include "check.h"

#include <math.h>

// The last report of a run with this row.
static libresult_run *run_of(const char *row) {
  libresult_run *run = NULL;
  WORKS(open_run(make_run("values", row).text, &run));
  return run;
}

static bool json_is(const libresult_value *value, const char *expected) {
  libresult_text *json = libresult_value_to_json(value);
  bool same = equals(libresult_text_str(json), expected);
  libresult_text_free(json);
  return same;
}

static void numbers(void) {
  libresult_run *run = run_of(
      "{\"int\": -3, \"whole\": 3.0, \"max\": 9223372036854775807, \"u64\": 18446744073709551615,"
      " \"big\": -123456789012345678901234567890, \"huge\": 1e999, \"nan\": NaN,"
      " \"exact\": 9007199254740993, \"text\": \"3\", \"yes\": true, \"none\": null}\n");
  const libresult_value *row = libresult_run_metrics(run);
  int64_t i = 77;
  uint64_t u = 77;
  double f = 77;
  bool b = false;
  libresult_str s = {"x", 1};

  const libresult_value *value = libresult_value_get(row, "int");
  CHECK(libresult_value_kind(value) == LIBRESULT_KIND_INT);
  CHECK(!libresult_value_as_u64(value, &u) && u == 77);
  CHECK(libresult_value_as_i64(value, &i) && i == -3);
  CHECK(libresult_value_as_f64(value, &f) && f == -3.0);
  CHECK(!libresult_value_as_bool(value, &b) && !b);

  value = libresult_value_get(row, "whole");
  i = 77;
  CHECK(libresult_value_kind(value) == LIBRESULT_KIND_FLOAT);
  CHECK(!libresult_value_as_i64(value, &i) && i == 77);
  CHECK(!libresult_value_as_u64(value, &u) && u == 77);
  CHECK(libresult_value_as_f64(value, &f) && f == 3.0);
  CHECK(json_is(value, "3.0"));

  CHECK(libresult_value_as_i64(libresult_value_get(row, "max"), &i) && i == INT64_MAX);
  CHECK(libresult_value_as_u64(libresult_value_get(row, "max"), &u) && u == INT64_MAX);
  CHECK(libresult_value_as_i64(libresult_value_get(row, "exact"), &i) && i == 9007199254740993);

  value = libresult_value_get(row, "u64");
  i = 77;
  CHECK(libresult_value_kind(value) == LIBRESULT_KIND_INT);
  CHECK(!libresult_value_as_i64(value, &i) && i == 77);
  CHECK(libresult_value_as_u64(value, &u) && u == UINT64_MAX);
  CHECK(json_is(value, "18446744073709551615"));

  value = libresult_value_get(row, "big");
  CHECK(libresult_value_kind(value) == LIBRESULT_KIND_FLOAT);
  CHECK(!libresult_value_as_i64(value, &i) && i == 77);
  CHECK(libresult_value_as_f64(value, &f) && f == -123456789012345678901234567890.0);
  CHECK(json_is(value, "-123456789012345678901234567890"));

  value = libresult_value_get(row, "huge");
  CHECK(libresult_value_as_f64(value, &f) && isinf(f));
  CHECK(json_is(value, "\"Infinity\""));
  value = libresult_value_get(row, "nan");
  CHECK(libresult_value_as_f64(value, &f) && isnan(f));
  CHECK(json_is(value, "\"NaN\""));

  value = libresult_value_get(row, "text");
  f = 77;
  CHECK(!libresult_value_as_f64(value, &f) && f == 77);
  CHECK(libresult_value_as_str(value, &s) && equals(s, "3"));
  CHECK(json_is(value, "\"3\""));

  value = libresult_value_get(row, "yes");
  CHECK(libresult_value_as_bool(value, &b) && b);
  CHECK(!libresult_value_as_f64(value, &f) && f == 77);

  value = libresult_value_get(row, "none");
  CHECK(value && libresult_value_kind(value) == LIBRESULT_KIND_NULL);
  s = (libresult_str){"x", 1};
  CHECK(!libresult_value_as_str(value, &s) && equals(s, "x"));
  CHECK(json_is(value, "null"));
  libresult_run_free(run);
}

static void look_up(void) {
  libresult_run *run = run_of("{\"eval\": {\"loss\": 1, \"a/b\": 2}, \"eval/loss\": 3, \"a/b\": {\"c\": 4},"
                              " \"list\": [5, {\"x\": 6}], \"\": 7, \"text\": \"abc\"}\n");
  const libresult_value *row = libresult_run_metrics(run);
  static const struct {
    const char *path, *json;
  } found[] = {
      {"eval/loss", "3"}, {"eval/a/b", "2"}, {"a/b/c", "4"},    {"list/0", "5"},
      {"list/1/x", "6"},  {"", "7"},         {"text", "\"abc\""},
  };
  for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
    CHECK(json_is(libresult_value_find(row, found[i].path), found[i].json));
    CHECK(json_is(libresult_run_metric(run, found[i].path), found[i].json));
  }
  static const char *const nowhere[] = {"eval/none", "list/2", "list/-1", "list/x", "text/0", "/",
                                        "eval/loss/", "/eval/loss"};
  for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
    CHECK(!libresult_value_find(row, nowhere[i]));
  }
  CHECK(json_is(libresult_value_get(libresult_value_get(row, "eval"), "loss"), "1"));
  CHECK(!libresult_value_get(row, "list/0"));
  CHECK(!libresult_value_get(libresult_value_get(row, "list"), "0"));

  CHECK(libresult_value_len(row) == 6);
  CHECK(equals(libresult_value_key_at(row, 1), "eval/loss"));
  CHECK(json_is(libresult_value_at(row, 1), "3"));
  CHECK(!libresult_value_at(row, 6));
  CHECK(libresult_value_key_at(row, 6).len == 0);
  const libresult_value *list = libresult_value_get(row, "list");
  CHECK(libresult_value_len(list) == 2);
  CHECK(libresult_value_key_at(list, 0).len == 0);
  CHECK(libresult_value_len(libresult_value_get(row, "text")) == 0);
  CHECK(!libresult_value_at(libresult_value_get(row, "text"), 0));
  libresult_run_free(run);
}

// Where a NUL in a key or a string is data.
static void nul_inside(void) {
  libresult_run *run = run_of("{\"a\\u0000b\": \"c\\u0000d\"}\n");
  const libresult_value *row = libresult_run_metrics(run);
  libresult_str text = {"", 0};
  CHECK(libresult_value_key_at(row, 0).len == 3);
  CHECK(libresult_value_as_str(libresult_value_at(row, 0), &text) && text.len == 3);
  CHECK(text.len == 3 && memcmp(text.data, "c\0d", 3) == 0);
  CHECK(!libresult_value_get(row, "a"));
  CHECK(json_is(row, "{\"a\\u0000b\":\"c\\u0000d\"}") || json_is(row, "{\"a\\u0000b\": \"c\\u0000d\"}"));
  libresult_run_free(run);
}

void test_values(void) {
  numbers();
  look_up();
  nul_inside();
}
