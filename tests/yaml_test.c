/* YAML as Python's yaml package understands it, and writing that reads back as what it was. */
#include <check.h>
#include <jansson.h>
#include <libstore/reader.h>
#include <stdlib.h>
#include <string.h>

#include "yaml_json.h"

static const struct {
    const char *yaml, *json;
} cases[] = {
    {"12:30", "750"},
    {"1:00:00", "3600"},
    {"-1:30", "-90"},
    {"0755", "493"},
    {"0x1F", "31"},
    {"0b101", "5"},
    {"-0x10", "-16"},
    {"1_000", "1000"},
    {"0", "0"},
    {"-7", "-7"},
    {"9223372036854775807", "9223372036854775807"},
    {"9223372036854775808", "\"9223372036854775808\""},
    {"1.5", "1.5"},
    {"1.0e-07", "9.9999999999999995e-8"},
    {"1e-7", "\"1e-7\""},
    {"1.0e5", "\"1.0e5\""},
    {"1.", "1.0"},
    {".5", "0.5"},
    {"+.5", "\"+.5\""}, // as PyYAML has it
    {"!!int \"2\"", "2"},
    {"!!float '3'", "3.0"},
    {"!!bool \"yes\"", "true"},
    {"!!null \"\"", "null"},
    {"!!str \"2\"", "\"2\""},
    {"1:30.5", "90.5"},
    {".nan", "\".nan\""},
    {"yes", "true"},
    {"Off", "false"},
    {"y", "\"y\""},
    {"~", "null"},
    {"", "null"},
    {"null", "null"},
    {"'12'", "\"12\""},
    {"\"on\"", "\"on\""},
    {"2024-01-02", "\"2024-01-02\""},
    {"08", "\"08\""},
    {"[1, 2, [3, x]]", "[1,2,[3,\"x\"]]"},
    {"{a: 1, b: {c: no}}", "{\"a\":1,\"b\":{\"c\":false}}"},
    {"a: &x [1]\nb: *x", "{\"a\":[1],\"b\":[1]}"},
    {"Gr\xc3\xbc\xc3\x9f"
     "e \xe2\x80\x94 \xce\xbc",
     "\"Gr\xc3\xbc\xc3\x9f"
     "e \xe2\x80\x94 \xce\xbc\""},
};

START_TEST(test_parse)
{
    ist_error error;
    char *json;
    ck_assert_msg(ist_yaml_to_json(cases[_i].yaml, &json, &error) >= 0, "%s: %s", cases[_i].yaml, error.message);
    ck_assert_str_eq(json, cases[_i].json);
    ist_free(json);
}
END_TEST

static const char *const bad[] = {"[1, 2", "a: b: c", "{", "? [1]\n: 2", "a: &x [*x]", "\"\\xff", "a:\n\t- b"};

START_TEST(test_bad)
{
    ist_error error = {0};
    char *json;
    ck_assert_int_eq(ist_yaml_to_json(bad[_i], &json, &error), IST_ERROR_DATA);
    ck_assert_ptr_null(json);
    ck_assert(error.message[0]);
}
END_TEST

static const char *const values[] = {
    "{\"a\": \"12:30\", \"b\": \"0755\", \"c\": \"2024-01-02\", \"on\": true, \"d\": \"yes\", \"e\": null}",
    "{\"1\": 1, \"-\": [], \"x y\": {}, \"\": \"\", \"#\": \"# no\", \"k: v\": \" lead\", \"~\": \"~\"}",
    "{\"tiny\": 1e-300, \"third\": 0.33333333333333331, \"big\": 1e22, \"one\": 1.0, \"neg\": -2.5e-9}",
    "{\"text\": \"line one\\nline two\\n\\n  three: 'x' \\\"y\\\"\\t\\u0001\\u00e9\\ud83d\\ude00\"}",
    "{\"deep\": [[[[{\"a\": [1, [2, {\"b\": null}]]}]]]]}",
    ("{\"long\": \"word word word word word word word word word word word word word word word word word word word "
     "word word word word word word word word word word word word\"}"),
};

START_TEST(test_round_trip)
{
    ist_error error;
    json_t *value = json_loads(values[_i], 0, NULL), *back;
    ck_assert_ptr_nonnull(value);
    struct buffer text = {0};
    ck_assert_int_ge(yaml_emit(value, &text, &error), 0);
    ck_assert_msg(yaml_parse((char *)text.data, text.size, "text", &back, &error) >= 0, "%s", error.message);
    ck_assert_msg(json_equal(value, back), "%.*s", (int)text.size, text.data);
    json_decref(value);
    json_decref(back);
    buffer_free(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("yaml");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, test_parse, 0, sizeof cases / sizeof *cases);
    tcase_add_loop_test(all, test_bad, 0, sizeof bad / sizeof *bad);
    tcase_add_loop_test(all, test_round_trip, 0, sizeof values / sizeof *values);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
