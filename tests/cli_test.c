/* The parts of tools/cli that are not seen from outside: numbers, ranges, formats. */
#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

START_TEST(integers_are_read_whole_and_in_range)
{
    int64_t value = 77;
    static const char *const bad[] = {
        "", "-", "+1", " 1", "1 ", "1x", "0x10", "1.0", "11", "-11", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!cli_read_integer(bad[i], -10, 10, &value), "\"%s\"", bad[i]);
    ck_assert_int_eq(value, 77);
    ck_assert(cli_read_integer("-10", -10, 10, &value) && value == -10);
    ck_assert(cli_read_integer("9223372036854775807", INT64_MIN, INT64_MAX, &value) && value == INT64_MAX);
    ck_assert(cli_read_integer("-9223372036854775808", INT64_MIN, INT64_MAX, &value) && value == INT64_MIN);
}
END_TEST

START_TEST(numbers_are_read_whole_and_finite)
{
    double value = 77;
    static const char *const bad[] = {"", "nan", "inf", "0x1p3", " 1", "1 ", "1,5", "1e999", "--1", "1e", "."};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!cli_read_number(bad[i], -HUGE_VAL, HUGE_VAL, &value), "\"%s\"", bad[i]);
    ck_assert_double_eq(value, 77);
    ck_assert(cli_read_number("-2.5e-3", -1, 1, &value) && value == -2.5e-3);
    ck_assert(!cli_read_number("1.0001", -1, 1, &value));
}
END_TEST

START_TEST(ranges_are_half_open)
{
    cli_range range = {5, 6};
    static const char *const bad[] = {"", "3", "4:3", "-1:3", "1:2:3", "a:b", "1: 2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!cli_read_range(bad[i], 0, &range), "\"%s\"", bad[i]);
    ck_assert(range.first == 5 && range.end == 6);
    ck_assert(cli_read_range("10:20", 0, &range) && range.first == 10 && range.end == 20);
    ck_assert(cli_read_range(":20", 0, &range) && range.first == CLI_OPEN && range.end == 20);
    ck_assert(cli_read_range("10:", 0, &range) && range.first == 10 && range.end == CLI_OPEN);
    ck_assert(cli_read_range(":", 0, &range) && range.first == CLI_OPEN && range.end == CLI_OPEN);
    ck_assert(cli_read_range("3:3", 0, &range));
    ck_assert(cli_read_range("-5:-2", -9, &range) && range.first == -5 && range.end == -2);
    ck_assert(!cli_read_range("-10:-2", -9, &range));
}
END_TEST

START_TEST(lists_of_integers_have_the_right_length)
{
    int64_t v[4];
    static const char *const bad[] = {"", "1,2,3", "1,2,3,4,5", "1,2,3,", ",2,3,4", "1,2,3,4x", "1,2,,4", "1 ,2,3,4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!cli_read_integers(bad[i], v, 4), "\"%s\"", bad[i]);
    ck_assert(cli_read_integers("10,-20,0,48", v, 4));
    ck_assert(v[0] == 10 && v[1] == -20 && v[2] == 0 && v[3] == 48);
}
END_TEST

START_TEST(keys_end_at_the_first_equals_sign)
{
    const char *value = NULL;
    ck_assert_uint_eq(cli_read_key("key=a=b", &value), 3);
    ck_assert_str_eq(value, "a=b");
    ck_assert_uint_eq(cli_read_key("key", &value), 0);
    ck_assert_uint_eq(cli_read_key("=x", &value), 0);
}
END_TEST

static void check_reads_back(double value)
{
    char text[CLI_NUMBER_SIZE];
    cli_format_number(text, value);
    double back = 0;
    ck_assert_msg(cli_read_number(text, -HUGE_VAL, HUGE_VAL, &back) && back == value, "%s", text);
}

START_TEST(formatted_numbers_are_short_and_read_back)
{
    char text[CLI_NUMBER_SIZE];
    ck_assert_str_eq(cli_format_number(text, 0.1), "0.1");
    ck_assert_str_eq(cli_format_number(text, 250), "250");
    ck_assert_str_eq(cli_format_number(text, 1700000000.0385478), "1700000000.0385478");
    ck_assert_str_eq(cli_format_number(text, (double)NAN), "nan");
    ck_assert_str_eq(cli_format_number(text, -HUGE_VAL), "-inf");
    const unsigned seed = 20261;
    srand(seed);
    for (int i = 0; i < 100000; i++) {
        const double mantissa = (double)rand() / RAND_MAX + (double)rand() * 1e-12;
        check_reads_back(ldexp(rand() % 2 ? mantissa : -mantissa, rand() % 400 - 200));
    }
    check_reads_back(5e-324);
    check_reads_back(1.7976931348623157e308);
}
END_TEST

START_TEST(a_locale_with_commas_changes_nothing)
{
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        return; // not there on every machine
    char text[CLI_NUMBER_SIZE];
    ck_assert_str_eq(cli_format_number(text, 0.5), "0.5");
    double value;
    ck_assert(cli_read_number("0.5", 0, 1, &value) && value == 0.5);
    setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(durations_and_sizes_are_for_people)
{
    char text[CLI_NUMBER_SIZE];
    ck_assert_str_eq(cli_format_duration(text, 7.4), "0:07");
    ck_assert_str_eq(cli_format_duration(text, 3723), "1:02:03");
    ck_assert_str_eq(cli_format_duration(text, -1), "0:00");
    ck_assert_str_eq(cli_format_size(text, 999), "999 bytes");
    ck_assert_str_eq(cli_format_size(text, 1340000), "1.3 MB");
    ck_assert_str_eq(cli_format_size(text, 999999), "1.0 MB");
    ck_assert_str_eq(cli_format_size(text, 42000000000), "42 GB");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *all = tcase_create("all");
    tcase_add_test(all, integers_are_read_whole_and_in_range);
    tcase_add_test(all, numbers_are_read_whole_and_finite);
    tcase_add_test(all, ranges_are_half_open);
    tcase_add_test(all, lists_of_integers_have_the_right_length);
    tcase_add_test(all, keys_end_at_the_first_equals_sign);
    tcase_add_test(all, formatted_numbers_are_short_and_read_back);
    tcase_add_test(all, a_locale_with_commas_changes_nothing);
    tcase_add_test(all, durations_and_sizes_are_for_people);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
