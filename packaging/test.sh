#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. This is what CI runs.
#   packaging/test.sh [CTEST ARGUMENTS...]     for example: packaging/test.sh -R storage
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

started=$SECONDS
install_packages "${build_packages[@]}" "${test_packages[@]}"
provide_node
mkdir -p "$(dirname "$build")"
build_targets
say "Built in $((SECONDS - started)) s; testing"
# Two tests at a time at most: several start servers and a browser of their own.
ctest --test-dir "$build" --output-on-failure -j 2 "$@"
say "All of it took $((SECONDS - started)) s"
