# What a build is made from, said by what writes records: `build_identity`, definitions for their sources.

set(BSK_COMMIT "" CACHE STRING "Commit that records name; empty asks git")
if(BSK_COMMIT)
  set(commit "${BSK_COMMIT}")
else()
  execute_process(COMMAND git describe --always --abbrev=40 --dirty --exclude=*
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT commit)
    set(commit "unknown")
  endif()
  if(EXISTS ${PROJECT_SOURCE_DIR}/.git/logs/HEAD)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/.git/logs/HEAD)
  endif()
endif()

# Sets `result` to one digest over path and content of every file below `folder`, sorted by path.
function(bsk_sources_sha256 folder result)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*)
  list(SORT sources)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sources})
  set(digests "")
  foreach(source IN LISTS sources)
    file(SHA256 ${source} digest)
    file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR} ${source})
    string(APPEND digests "${digest}  ${path}\n")
  endforeach()
  string(SHA256 digest "${digests}")
  set(${result} ${digest} PARENT_SCOPE)
endfunction()
bsk_sources_sha256(src/kernels kernels_sha256)
bsk_sources_sha256(src/plan plan_sha256)

set(build_identity "BSK_COMMIT=\"${commit}\"" "BSK_KERNELS_SHA256=\"${kernels_sha256}\""
  "BSK_PLAN_SHA256=\"${plan_sha256}\"")
