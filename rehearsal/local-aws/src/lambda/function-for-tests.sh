#!/bin/sh
# Lambda starts a function's binary without arguments; this makes one test of the test binary play a function.
exec "$TEST_BINARY" --exact lambda::tests::function::acts_as_a_function_when_lambda_starts_it --nocapture
