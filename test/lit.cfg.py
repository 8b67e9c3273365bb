# The test suite: every .kinu, .mlir and .test file below this folder, run by its RUN lines.
# The GoogleTest binaries are a suite of their own, in build/test/unit: see unit.cfg.py.in.
#
# Substitutions: %examples and %corpora (folders), %sysroot (arm64 libraries for qemu), %unittests.
# Features: full (test/run.sh --full), corpora (the shared texts are there), arm64 (the sysroot is there), mount (root may
# mount), bf16 and fp16 (the machine at hand has them).
import os
import subprocess

import lit.formats

config.name = "kinu"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".kinu", ".mlir", ".test"]
config.excludes = ["Inputs"]

test = os.path.dirname(os.path.abspath(__file__))
top = os.path.dirname(test)
build = os.environ.get("KINU_BUILD", os.path.join(top, "build"))
config.test_source_root = test
config.test_exec_root = os.path.join(build, "test", "out")

# A FileCheck of another LLVM may be on the machine: ours first.
folders = [os.path.join(build, "bin"), "/usr/lib/llvm-22/bin", config.environment["PATH"]]
config.environment["PATH"] = os.pathsep.join(folders)
config.environment["FILECHECK_OPTS"] = "-enable-var-scope"
config.environment["KINU_CACHE_DIR"] = os.path.join(build, "test", "cache")
config.environment["OMPI_ALLOW_RUN_AS_ROOT"] = config.environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"

corpora = os.environ.get("KINU_DATA", os.path.join(os.path.dirname(top), "shared", "data"))
config.environment["KINU_DATA"] = corpora
if os.path.isdir(corpora):
    config.available_features.add("corpora")
else:
    lit_config.note("no corpora in %s: tests that need them are skipped (set KINU_DATA)" % corpora)

sysroot = os.environ.get("KINU_SYSROOT", os.path.join(build, "sysroot-arm64"))
config.environment["KINU_SYSROOT"] = sysroot
if os.path.exists(os.path.join(sysroot, "complete")):
    config.available_features.add("arm64")
else:
    lit_config.note("no arm64 sysroot in %s: emulated tests are skipped (runtime/sysroot/make.sh makes it)" % sysroot)

if os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0:
    config.available_features.add("mount")
else:
    lit_config.note("mounting is not allowed here: the test of a full disk is skipped")

# Formats that kernels for this machine have: as compiler/machines/Local.cpp finds them.
with open("/proc/cpuinfo") as file:
    flags = set(file.read().split())
if flags & {"amx_bf16", "avx512_bf16", "bf16"}:
    config.available_features.add("bf16")
if flags & {"f16c", "asimdhp"}:
    config.available_features.add("fp16-safe")
if flags & {"avx512_fp16", "asimdhp"}:
    config.available_features.add("fp16")

if lit_config.params.get("full"):
    config.available_features.add("full")

config.substitutions += [
    ("%examples", os.path.join(top, "examples")),
    ("%corpora", corpora),
    ("%sysroot", sysroot),
    ("%unittests", os.path.join(build, "unittests")),
]
