# Installs a build into a fresh prefix, then configures, builds and runs the C and the C++ consumer against it.
#   cmake -DBUILD_DIR=build -DWORK_DIR=build/consumer -P run.cmake
file(REMOVE_RECURSE ${WORK_DIR})
execute_process(
  COMMAND ${CMAKE_COMMAND} --install ${BUILD_DIR} --component bsk --prefix ${WORK_DIR}/prefix
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
foreach(language c cpp)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -G Ninja -S ${CMAKE_CURRENT_LIST_DIR}/${language} -B ${WORK_DIR}/${language}
      -DCMAKE_PREFIX_PATH=${WORK_DIR}/prefix
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK_DIR}/${language} COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${WORK_DIR}/${language}/consumer COMMAND_ERROR_IS_FATAL ANY)
endforeach()
