/*
 * Runs every unit suite. The Makefile lists them in gen/suites.def: one SUITE(x) for each X_test.c, which
 * defines `Suite *x_suite(void)`. CK_RUN_SUITE, CK_RUN_CASE, CK_FORK and CK_VERBOSITY are Check's own.
 */
#include <check.h>
#include <stdlib.h>

#define SUITE(name) Suite *name##_suite(void);
#include "suites.def"
#undef SUITE

int main(void)
{
    SRunner *runner = srunner_create(NULL);

#define SUITE(name) srunner_add_suite(runner, name##_suite());
#include "suites.def"
#undef SUITE

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
