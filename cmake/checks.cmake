# Tests of the tree and of what was built: layering, machine code, exported symbols, the installed package.
find_package(Python 3.10 REQUIRED COMPONENTS Interpreter)
set(scripts ${PROJECT_SOURCE_DIR}/scripts)

add_test(NAME check_layers COMMAND Python::Interpreter ${scripts}/check_layers.py)
add_test(NAME check_exports COMMAND Python::Interpreter ${scripts}/check_exports.py $<TARGET_FILE:bsk>)

if("90a" IN_LIST BSK_ARCHITECTURES)
  find_program(BSK_CUOBJDUMP cuobjdump HINTS ${CUDAToolkit_BIN_DIR} DOC "cuobjdump of CUDA 12.4 or later")
  add_test(NAME check_sass
    COMMAND Python::Interpreter ${scripts}/check_sass.py --cuobjdump ${BSK_CUOBJDUMP} $<TARGET_FILE:bsk>)
endif()

add_test(NAME installed_package
  COMMAND ${CMAKE_COMMAND} -DBUILD_DIR=${PROJECT_BINARY_DIR} -DWORK_DIR=${PROJECT_BINARY_DIR}/consumer
    -P ${PROJECT_SOURCE_DIR}/tests/consumer/run.cmake)

set_tests_properties(check_layers check_exports installed_package PROPERTIES LABELS host)
