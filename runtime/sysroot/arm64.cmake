# CMake toolchain: clang for A64FX with the sysroot that make.sh made, given as -DCMAKE_SYSROOT.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER clang++-22)
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_CXX_FLAGS_INIT "-mcpu=a64fx")
# Only a library is built: CMake's trial executable would need the linker's folders too.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
