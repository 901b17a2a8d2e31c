// Local time: the values are those of Python's datetime with zoneinfo, fold=0.

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libstore/time.h>

static const struct {
    double time_s;
    const char *zone, *text;
} shown[] = {
    {-3000000000.0, "Europe/Berlin", "1874-12-07T19:33:28.000000+00:53:28"},
    {-1.25, "Europe/Berlin", "1970-01-01T00:59:58.750000+01:00"},
    {1325239199.0, "Europe/Berlin", "2011-12-30T10:59:59.000000+01:00"},
    {1325239200.0, "Europe/Berlin", "2011-12-30T11:00:00.000000+01:00"},
    {1700000000.123456, "Europe/Berlin", "2023-11-14T23:13:20.123456+01:00"},
    {1774745999.999999, "Europe/Berlin", "2026-03-29T01:59:59.999999+01:00"},
    {1774746000.0, "Europe/Berlin", "2026-03-29T03:00:00.000000+02:00"},
    {1792889999.0, "Europe/Berlin", "2026-10-25T02:59:59.000000+02:00"},
    {1792890000.0, "Europe/Berlin", "2026-10-25T02:00:00.000000+01:00"},
    {1792893599.25, "Europe/Berlin", "2026-10-25T02:59:59.250000+01:00"},
    {4102444800.125, "Europe/Berlin", "2100-01-01T01:00:00.125000+01:00"},
    {4118083200.0, "Europe/Berlin", "2100-07-01T02:00:00.000000+02:00"},
    {8000000000.0, "Europe/Berlin", "2223-07-06T16:13:20.000000+02:00"},
    {10000000000.000002, "Europe/Berlin", "2286-11-20T18:46:40.000002+01:00"},
    {-3000000000.0, "America/New_York", "1874-12-07T13:43:58.000000-04:56:02"},
    {-1.25, "America/New_York", "1969-12-31T18:59:58.750000-05:00"},
    {1325239199.0, "America/New_York", "2011-12-30T04:59:59.000000-05:00"},
    {1325239200.0, "America/New_York", "2011-12-30T05:00:00.000000-05:00"},
    {1700000000.123456, "America/New_York", "2023-11-14T17:13:20.123456-05:00"},
    {1774745999.999999, "America/New_York", "2026-03-28T20:59:59.999999-04:00"},
    {1774746000.0, "America/New_York", "2026-03-28T21:00:00.000000-04:00"},
    {1792889999.0, "America/New_York", "2026-10-24T20:59:59.000000-04:00"},
    {1792890000.0, "America/New_York", "2026-10-24T21:00:00.000000-04:00"},
    {1792893599.25, "America/New_York", "2026-10-24T21:59:59.250000-04:00"},
    {4102444800.125, "America/New_York", "2099-12-31T19:00:00.125000-05:00"},
    {4118083200.0, "America/New_York", "2100-06-30T20:00:00.000000-04:00"},
    {8000000000.0, "America/New_York", "2223-07-06T10:13:20.000000-04:00"},
    {10000000000.000002, "America/New_York", "2286-11-20T12:46:40.000002-05:00"},
    {-3000000000.0, "Asia/Kolkata", "1874-12-08T00:01:10.000000+05:21:10"},
    {-1.25, "Asia/Kolkata", "1970-01-01T05:29:58.750000+05:30"},
    {1325239199.0, "Asia/Kolkata", "2011-12-30T15:29:59.000000+05:30"},
    {1325239200.0, "Asia/Kolkata", "2011-12-30T15:30:00.000000+05:30"},
    {1700000000.123456, "Asia/Kolkata", "2023-11-15T03:43:20.123456+05:30"},
    {1774745999.999999, "Asia/Kolkata", "2026-03-29T06:29:59.999999+05:30"},
    {1774746000.0, "Asia/Kolkata", "2026-03-29T06:30:00.000000+05:30"},
    {1792889999.0, "Asia/Kolkata", "2026-10-25T06:29:59.000000+05:30"},
    {1792890000.0, "Asia/Kolkata", "2026-10-25T06:30:00.000000+05:30"},
    {1792893599.25, "Asia/Kolkata", "2026-10-25T07:29:59.250000+05:30"},
    {4102444800.125, "Asia/Kolkata", "2100-01-01T05:30:00.125000+05:30"},
    {4118083200.0, "Asia/Kolkata", "2100-07-01T05:30:00.000000+05:30"},
    {8000000000.0, "Asia/Kolkata", "2223-07-06T19:43:20.000000+05:30"},
    {10000000000.000002, "Asia/Kolkata", "2286-11-20T23:16:40.000002+05:30"},
    {-3000000000.0, "Pacific/Apia", "1874-12-08T07:13:04.000000+12:33:04"},
    {-1.25, "Pacific/Apia", "1969-12-31T12:59:58.750000-11:00"},
    {1325239199.0, "Pacific/Apia", "2011-12-29T23:59:59.000000-10:00"},
    {1325239200.0, "Pacific/Apia", "2011-12-31T00:00:00.000000+14:00"},
    {1700000000.123456, "Pacific/Apia", "2023-11-15T11:13:20.123456+13:00"},
    {1774745999.999999, "Pacific/Apia", "2026-03-29T13:59:59.999999+13:00"},
    {1774746000.0, "Pacific/Apia", "2026-03-29T14:00:00.000000+13:00"},
    {1792889999.0, "Pacific/Apia", "2026-10-25T13:59:59.000000+13:00"},
    {1792890000.0, "Pacific/Apia", "2026-10-25T14:00:00.000000+13:00"},
    {1792893599.25, "Pacific/Apia", "2026-10-25T14:59:59.250000+13:00"},
    {4102444800.125, "Pacific/Apia", "2100-01-01T13:00:00.125000+13:00"},
    {4118083200.0, "Pacific/Apia", "2100-07-01T13:00:00.000000+13:00"},
    {8000000000.0, "Pacific/Apia", "2223-07-07T03:13:20.000000+13:00"},
    {10000000000.000002, "Pacific/Apia", "2286-11-21T06:46:40.000002+13:00"},
    {-3000000000.0, "Australia/Lord_Howe", "1874-12-08T05:16:20.000000+10:36:20"},
    {-1.25, "Australia/Lord_Howe", "1970-01-01T09:59:58.750000+10:00"},
    {1325239199.0, "Australia/Lord_Howe", "2011-12-30T20:59:59.000000+11:00"},
    {1325239200.0, "Australia/Lord_Howe", "2011-12-30T21:00:00.000000+11:00"},
    {1700000000.123456, "Australia/Lord_Howe", "2023-11-15T09:13:20.123456+11:00"},
    {1774745999.999999, "Australia/Lord_Howe", "2026-03-29T11:59:59.999999+11:00"},
    {1774746000.0, "Australia/Lord_Howe", "2026-03-29T12:00:00.000000+11:00"},
    {1792889999.0, "Australia/Lord_Howe", "2026-10-25T11:59:59.000000+11:00"},
    {1792890000.0, "Australia/Lord_Howe", "2026-10-25T12:00:00.000000+11:00"},
    {1792893599.25, "Australia/Lord_Howe", "2026-10-25T12:59:59.250000+11:00"},
    {4102444800.125, "Australia/Lord_Howe", "2100-01-01T11:00:00.125000+11:00"},
    {4118083200.0, "Australia/Lord_Howe", "2100-07-01T10:30:00.000000+10:30"},
    {8000000000.0, "Australia/Lord_Howe", "2223-07-07T00:43:20.000000+10:30"},
    {10000000000.000002, "Australia/Lord_Howe", "2286-11-21T04:46:40.000002+11:00"},
    {-3000000000.0, "Europe/Dublin", "1874-12-07T18:14:39.000000-00:25:21"},
    {-1.25, "Europe/Dublin", "1970-01-01T00:59:58.750000+01:00"},
    {1325239199.0, "Europe/Dublin", "2011-12-30T09:59:59.000000+00:00"},
    {1325239200.0, "Europe/Dublin", "2011-12-30T10:00:00.000000+00:00"},
    {1700000000.123456, "Europe/Dublin", "2023-11-14T22:13:20.123456+00:00"},
    {1774745999.999999, "Europe/Dublin", "2026-03-29T00:59:59.999999+00:00"},
    {1774746000.0, "Europe/Dublin", "2026-03-29T02:00:00.000000+01:00"},
    {1792889999.0, "Europe/Dublin", "2026-10-25T01:59:59.000000+01:00"},
    {1792890000.0, "Europe/Dublin", "2026-10-25T01:00:00.000000+00:00"},
    {1792893599.25, "Europe/Dublin", "2026-10-25T01:59:59.250000+00:00"},
    {4102444800.125, "Europe/Dublin", "2100-01-01T00:00:00.125000+00:00"},
    {4118083200.0, "Europe/Dublin", "2100-07-01T01:00:00.000000+01:00"},
    {8000000000.0, "Europe/Dublin", "2223-07-06T15:13:20.000000+01:00"},
    {10000000000.000002, "Europe/Dublin", "2286-11-20T17:46:40.000002+00:00"},
    {-3000000000.0, "Africa/Casablanca", "1874-12-07T18:09:40.000000-00:30:20"},
    {-1.25, "Africa/Casablanca", "1969-12-31T23:59:58.750000+00:00"},
    {1325239199.0, "Africa/Casablanca", "2011-12-30T09:59:59.000000+00:00"},
    {1325239200.0, "Africa/Casablanca", "2011-12-30T10:00:00.000000+00:00"},
    {1700000000.123456, "Africa/Casablanca", "2023-11-14T23:13:20.123456+01:00"},
    {1774745999.999999, "Africa/Casablanca", "2026-03-29T01:59:59.999999+01:00"},
    {1774746000.0, "Africa/Casablanca", "2026-03-29T02:00:00.000000+01:00"},
    {1792889999.0, "Africa/Casablanca", "2026-10-25T01:59:59.000000+01:00"},
    {1792890000.0, "Africa/Casablanca", "2026-10-25T02:00:00.000000+01:00"},
    {1792893599.25, "Africa/Casablanca", "2026-10-25T02:59:59.250000+01:00"},
    {4102444800.125, "Africa/Casablanca", "2100-01-01T01:00:00.125000+01:00"},
    {4118083200.0, "Africa/Casablanca", "2100-07-01T01:00:00.000000+01:00"},
    {8000000000.0, "Africa/Casablanca", "2223-07-06T15:13:20.000000+01:00"},
    {10000000000.000002, "Africa/Casablanca", "2286-11-20T18:46:40.000002+01:00"},
    {-3000000000.0, "America/Nuuk", "1874-12-07T15:13:04.000000-03:26:56"},
    {-1.25, "America/Nuuk", "1969-12-31T20:59:58.750000-03:00"},
    {1325239199.0, "America/Nuuk", "2011-12-30T06:59:59.000000-03:00"},
    {1325239200.0, "America/Nuuk", "2011-12-30T07:00:00.000000-03:00"},
    {1700000000.123456, "America/Nuuk", "2023-11-14T20:13:20.123456-02:00"},
    {1774745999.999999, "America/Nuuk", "2026-03-28T22:59:59.999999-02:00"},
    {1774746000.0, "America/Nuuk", "2026-03-29T00:00:00.000000-01:00"},
    {1792889999.0, "America/Nuuk", "2026-10-24T23:59:59.000000-01:00"},
    {1792890000.0, "America/Nuuk", "2026-10-24T23:00:00.000000-02:00"},
    {1792893599.25, "America/Nuuk", "2026-10-24T23:59:59.250000-02:00"},
    {4102444800.125, "America/Nuuk", "2099-12-31T22:00:00.125000-02:00"},
    {4118083200.0, "America/Nuuk", "2100-06-30T23:00:00.000000-01:00"},
    {8000000000.0, "America/Nuuk", "2223-07-06T13:13:20.000000-01:00"},
    {10000000000.000002, "America/Nuuk", "2286-11-20T15:46:40.000002-02:00"},
    {-3000000000.0, "Asia/Jerusalem", "1874-12-07T21:00:54.000000+02:20:54"},
    {-1.25, "Asia/Jerusalem", "1970-01-01T01:59:58.750000+02:00"},
    {1325239199.0, "Asia/Jerusalem", "2011-12-30T11:59:59.000000+02:00"},
    {1325239200.0, "Asia/Jerusalem", "2011-12-30T12:00:00.000000+02:00"},
    {1700000000.123456, "Asia/Jerusalem", "2023-11-15T00:13:20.123456+02:00"},
    {1774745999.999999, "Asia/Jerusalem", "2026-03-29T03:59:59.999999+03:00"},
    {1774746000.0, "Asia/Jerusalem", "2026-03-29T04:00:00.000000+03:00"},
    {1792889999.0, "Asia/Jerusalem", "2026-10-25T02:59:59.000000+02:00"},
    {1792890000.0, "Asia/Jerusalem", "2026-10-25T03:00:00.000000+02:00"},
    {1792893599.25, "Asia/Jerusalem", "2026-10-25T03:59:59.250000+02:00"},
    {4102444800.125, "Asia/Jerusalem", "2100-01-01T02:00:00.125000+02:00"},
    {4118083200.0, "Asia/Jerusalem", "2100-07-01T03:00:00.000000+03:00"},
    {8000000000.0, "Asia/Jerusalem", "2223-07-06T17:13:20.000000+03:00"},
    {10000000000.000002, "Asia/Jerusalem", "2286-11-20T19:46:40.000002+02:00"},
    {-3000000000.0, "Africa/Monrovia", "1874-12-07T17:56:52.000000-00:43:08"},
    {-1.25, "Africa/Monrovia", "1969-12-31T23:15:28.750000-00:44:30"},
    {1325239199.0, "Africa/Monrovia", "2011-12-30T09:59:59.000000+00:00"},
    {1325239200.0, "Africa/Monrovia", "2011-12-30T10:00:00.000000+00:00"},
    {1700000000.123456, "Africa/Monrovia", "2023-11-14T22:13:20.123456+00:00"},
    {1774745999.999999, "Africa/Monrovia", "2026-03-29T00:59:59.999999+00:00"},
    {1774746000.0, "Africa/Monrovia", "2026-03-29T01:00:00.000000+00:00"},
    {1792889999.0, "Africa/Monrovia", "2026-10-25T00:59:59.000000+00:00"},
    {1792890000.0, "Africa/Monrovia", "2026-10-25T01:00:00.000000+00:00"},
    {1792893599.25, "Africa/Monrovia", "2026-10-25T01:59:59.250000+00:00"},
    {4102444800.125, "Africa/Monrovia", "2100-01-01T00:00:00.125000+00:00"},
    {4118083200.0, "Africa/Monrovia", "2100-07-01T00:00:00.000000+00:00"},
    {8000000000.0, "Africa/Monrovia", "2223-07-06T14:13:20.000000+00:00"},
    {10000000000.000002, "Africa/Monrovia", "2286-11-20T17:46:40.000002+00:00"},
};

static const struct {
    const char *text, *zone;
    double time_s;
} read[] = {
    {"2026-03-29 02:30:00", "Europe/Berlin", 1774747800.0},
    {"2026-03-29 01:59:59", "Europe/Berlin", 1774745999.0},
    {"2026-03-29 03:00:00", "Europe/Berlin", 1774746000.0},
    {"2026-10-25 02:30:00", "Europe/Berlin", 1792888200.0},
    {"2026-10-25 01:59:59", "Europe/Berlin", 1792886399.0},
    {"2026-10-25 03:00:00", "Europe/Berlin", 1792893600.0},
    {"2026-11-20 14:03:05.5", "Europe/Berlin", 1795179785.5},
    {"2045-07-01 12:00:00", "Europe/Berlin", 2382516000.0},
    {"2045-03-26 02:30:00", "Europe/Berlin", 2374104600.0},
    {"2045-10-29 02:30:00", "Europe/Berlin", 2392849800.0},
    {"2011-12-30 12:00:00", "Europe/Berlin", 1325242800.0},
    {"1900-01-01 00:00:00", "Europe/Berlin", -2208992400.0},
    {"2050-10-02 02:15:00", "Europe/Berlin", 2548282500.0},
    {"2050-04-03 01:45:00", "Europe/Berlin", 2532555900.0},
    {"2026-03-29 02:30:00", "America/New_York", 1774765800.0},
    {"2026-03-29 01:59:59", "America/New_York", 1774763999.0},
    {"2026-03-29 03:00:00", "America/New_York", 1774767600.0},
    {"2026-10-25 02:30:00", "America/New_York", 1792909800.0},
    {"2026-10-25 01:59:59", "America/New_York", 1792907999.0},
    {"2026-10-25 03:00:00", "America/New_York", 1792911600.0},
    {"2026-11-20 14:03:05.5", "America/New_York", 1795201385.5},
    {"2045-07-01 12:00:00", "America/New_York", 2382537600.0},
    {"2045-03-26 02:30:00", "America/New_York", 2374122600.0},
    {"2045-10-29 02:30:00", "America/New_York", 2392871400.0},
    {"2011-12-30 12:00:00", "America/New_York", 1325264400.0},
    {"1900-01-01 00:00:00", "America/New_York", -2208970800.0},
    {"2050-10-02 02:15:00", "America/New_York", 2548304100.0},
    {"2050-04-03 01:45:00", "America/New_York", 2532577500.0},
    {"2026-03-29 02:30:00", "Pacific/Apia", 1774704600.0},
    {"2026-03-29 01:59:59", "Pacific/Apia", 1774702799.0},
    {"2026-03-29 03:00:00", "Pacific/Apia", 1774706400.0},
    {"2026-10-25 02:30:00", "Pacific/Apia", 1792848600.0},
    {"2026-10-25 01:59:59", "Pacific/Apia", 1792846799.0},
    {"2026-10-25 03:00:00", "Pacific/Apia", 1792850400.0},
    {"2026-11-20 14:03:05.5", "Pacific/Apia", 1795136585.5},
    {"2045-07-01 12:00:00", "Pacific/Apia", 2382476400.0},
    {"2045-03-26 02:30:00", "Pacific/Apia", 2374061400.0},
    {"2045-10-29 02:30:00", "Pacific/Apia", 2392810200.0},
    {"2011-12-30 12:00:00", "Pacific/Apia", 1325282400.0},
    {"1900-01-01 00:00:00", "Pacific/Apia", -2208947584.0},
    {"2050-10-02 02:15:00", "Pacific/Apia", 2548242900.0},
    {"2050-04-03 01:45:00", "Pacific/Apia", 2532516300.0},
    {"2026-03-29 02:30:00", "Australia/Lord_Howe", 1774711800.0},
    {"2026-03-29 01:59:59", "Australia/Lord_Howe", 1774709999.0},
    {"2026-03-29 03:00:00", "Australia/Lord_Howe", 1774713600.0},
    {"2026-10-25 02:30:00", "Australia/Lord_Howe", 1792855800.0},
    {"2026-10-25 01:59:59", "Australia/Lord_Howe", 1792853999.0},
    {"2026-10-25 03:00:00", "Australia/Lord_Howe", 1792857600.0},
    {"2026-11-20 14:03:05.5", "Australia/Lord_Howe", 1795143785.5},
    {"2045-07-01 12:00:00", "Australia/Lord_Howe", 2382485400.0},
    {"2045-03-26 02:30:00", "Australia/Lord_Howe", 2374068600.0},
    {"2045-10-29 02:30:00", "Australia/Lord_Howe", 2392817400.0},
    {"2011-12-30 12:00:00", "Australia/Lord_Howe", 1325206800.0},
    {"1900-01-01 00:00:00", "Australia/Lord_Howe", -2209024800.0},
    {"2050-10-02 02:15:00", "Australia/Lord_Howe", 2548251900.0},
    {"2050-04-03 01:45:00", "Australia/Lord_Howe", 2532523500.0},
    {"2026-03-29 02:30:00", "Europe/Dublin", 1774747800.0},
    {"2026-03-29 01:59:59", "Europe/Dublin", 1774749599.0},
    {"2026-03-29 03:00:00", "Europe/Dublin", 1774749600.0},
    {"2026-10-25 02:30:00", "Europe/Dublin", 1792895400.0},
    {"2026-10-25 01:59:59", "Europe/Dublin", 1792889999.0},
    {"2026-10-25 03:00:00", "Europe/Dublin", 1792897200.0},
    {"2026-11-20 14:03:05.5", "Europe/Dublin", 1795183385.5},
    {"2045-07-01 12:00:00", "Europe/Dublin", 2382519600.0},
    {"2045-03-26 02:30:00", "Europe/Dublin", 2374104600.0},
    {"2045-10-29 02:30:00", "Europe/Dublin", 2392857000.0},
    {"2011-12-30 12:00:00", "Europe/Dublin", 1325246400.0},
    {"1900-01-01 00:00:00", "Europe/Dublin", -2208987279.0},
    {"2050-10-02 02:15:00", "Europe/Dublin", 2548286100.0},
    {"2050-04-03 01:45:00", "Europe/Dublin", 2532559500.0},
    {"2026-03-29 02:30:00", "Asia/Jerusalem", 1774740600.0},
    {"2026-03-29 01:59:59", "Asia/Jerusalem", 1774738799.0},
    {"2026-03-29 03:00:00", "Asia/Jerusalem", 1774742400.0},
    {"2026-10-25 02:30:00", "Asia/Jerusalem", 1792888200.0},
    {"2026-10-25 01:59:59", "Asia/Jerusalem", 1792882799.0},
    {"2026-10-25 03:00:00", "Asia/Jerusalem", 1792890000.0},
    {"2026-11-20 14:03:05.5", "Asia/Jerusalem", 1795176185.5},
    {"2045-07-01 12:00:00", "Asia/Jerusalem", 2382512400.0},
    {"2045-03-26 02:30:00", "Asia/Jerusalem", 2374097400.0},
    {"2045-10-29 02:30:00", "Asia/Jerusalem", 2392849800.0},
    {"2011-12-30 12:00:00", "Asia/Jerusalem", 1325239200.0},
    {"1900-01-01 00:00:00", "Asia/Jerusalem", -2208997240.0},
    {"2050-10-02 02:15:00", "Asia/Jerusalem", 2548278900.0},
    {"2050-04-03 01:45:00", "Asia/Jerusalem", 2532552300.0},
    {"2026-10-25 02:30:00+02:00", "Europe/Berlin", 1792888200.0},
    {"2026-10-25 02:30:00+01:00", "Europe/Berlin", 1792891800.0},
    {"2026-10-25T00:30:00Z", "Europe/Berlin", 1792888200.0},
    {"1970-01-01T00:00:00+00:53:28", "Europe/Berlin", -3208.0},
    {"2026-11-20", "Europe/Berlin", 1795129200.0},
    {"2026-11-20 14:03", "Europe/Berlin", 1795179780.0},
    {"2026-11-20T14:03:05.123456", "Europe/Berlin", 1795179785.123456},
    {"2026-11-20T14:03:05.1234569+0100", "Asia/Tokyo", 1795179785.123456},
    {"2026-11-20 14:03:05-05", "Europe/Berlin", 1795201385.0},
    {"2026-11-20 14:03:05", "UTC", 1795183385.0},
};

START_TEST(a_time_is_shown_as_by_python)
{
    ist_error error;
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        char text[IST_TIME_TEXT_SIZE];
        ck_assert_msg(ist_time_to_local(shown[i].time_s, shown[i].zone, text, &error) == IST_OK, "%s", error.message);
        ck_assert_str_eq(text, shown[i].text);
        double back_s;
        ck_assert_msg(ist_time_from_local(text, shown[i].zone, &back_s, &error) == IST_OK, "%s", error.message);
        ck_assert_double_eq_tol(back_s, shown[i].time_s, 1e-6);
    }
}
END_TEST

START_TEST(a_text_is_read_as_by_python)
{
    ist_error error;
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        double time_s = 0;
        ck_assert_msg(ist_time_from_local(read[i].text, read[i].zone, &time_s, &error) == IST_OK, "%s", error.message);
        ck_assert_msg(time_s == read[i].time_s, "%s in %s: %.6f, not %.6f", read[i].text, read[i].zone, time_s,
                      read[i].time_s);
    }
}
END_TEST

// Every hour of ten years, there and back: only the second of two equal hours comes back as the first.
START_TEST(there_and_back)
{
    static const char *const zones[] = {"Europe/Berlin", "Australia/Lord_Howe", "America/New_York"};
    ist_error error;
    for (size_t z = 0; z < sizeof zones / sizeof *zones; z++)
        for (double time_s = 2000000000; time_s < 2300000000; time_s += 7200.5) {
            char text[IST_TIME_TEXT_SIZE];
            double back_s;
            ck_assert_int_eq(ist_time_to_local(time_s, zones[z], text, &error), IST_OK);
            ck_assert_int_eq(ist_time_from_local(text, "Asia/Tokyo", &back_s, &error), IST_OK);
            ck_assert_double_eq(back_s, time_s);
            text[26] = '\0'; // without the distance from UTC
            ck_assert_int_eq(ist_time_from_local(text, zones[z], &back_s, &error), IST_OK);
            ck_assert(back_s == time_s || back_s == time_s - 3600 || back_s == time_s - 1800);
        }
}
END_TEST

START_TEST(what_is_no_time_is_refused)
{
    static const char *const texts[] = {"",
                                        "12",
                                        "now",
                                        "2026",
                                        "2026-11",
                                        "2026-13-01",
                                        "2026-02-29",
                                        "2026-04-31",
                                        "2026-11-20 ",
                                        "2026-11-20 24:00",
                                        "2026-11-20 14",
                                        "2026-11-20 14:60",
                                        "2026-11-20 14:03:60",
                                        "2026-11-20 14:03:05.",
                                        "2026-11-20 14:03:05 Z",
                                        "2026-11-20 14:03:05+",
                                        "2026-11-20 14:03:05+1",
                                        "2026-11-20 14:03:05Zulu",
                                        "2026-11-20 14:03:05+25:00",
                                        "0000-01-01",
                                        "20261120",
                                        " 2026-11-20",
                                        "2026-11-20T14:03:05+01:00:",
                                        "-026-11-20"};
    ist_error error;
    double time_s = 7;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_msg(ist_time_from_local(texts[i], "Europe/Berlin", &time_s, &error) == IST_ERROR_ARGUMENT, "%s",
                      texts[i]);
        ck_assert_double_eq(time_s, 7);
    }
    char text[IST_TIME_TEXT_SIZE];
    static const char *const zones[] = {"", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "Europe", "posixrules "};
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        ck_assert_int_eq(ist_time_from_local("2026-11-20", zones[i], &time_s, &error), IST_ERROR_NOT_FOUND);
        ck_assert_int_eq(ist_time_to_local(0, zones[i], text, &error), IST_ERROR_NOT_FOUND);
        ck_assert_str_eq(text, "");
    }
    static const double outside[] = {1e12, -1e12, 1e300};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        ck_assert_int_eq(ist_time_to_local(outside[i], "UTC", text, NULL), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(ist_time_to_local(strtod("nan", NULL), "UTC", text, NULL), IST_ERROR_ARGUMENT);
}
END_TEST

static void *show_often(void *zone)
{
    for (int i = 0; i < 2000; i++) {
        char text[IST_TIME_TEXT_SIZE];
        if (ist_time_to_local(1792890000, zone, text, NULL) < 0)
            return NULL;
        if (strcmp(text, strcmp(zone, "UTC") == 0 ? "2026-10-25T01:00:00.000000+00:00"
                                                  : "2026-10-25T02:00:00.000000+01:00") != 0)
            return NULL;
    }
    return zone;
}

// The zone of the process does not matter, and stays.
START_TEST(zones_in_several_threads)
{
    setenv("TZ", "Asia/Tokyo", 1);
    tzset();
    pthread_t threads[2];
    static char zones[2][16] = {"UTC", "Europe/Berlin"};
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, show_often, zones[i]), 0);
    for (int i = 0; i < 2; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ck_assert_ptr_eq(result, zones[i]);
    }
    ck_assert_int_eq(timezone, -9 * 3600);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("time");
    TCase *tests = tcase_create("time");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_time_is_shown_as_by_python);
    tcase_add_test(tests, a_text_is_read_as_by_python);
    tcase_add_test(tests, there_and_back);
    tcase_add_test(tests, what_is_no_time_is_refused);
    tcase_add_test(tests, zones_in_several_threads);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
