# Installs the shared library, the public headers and the package that find_package(BlackwellSparseK) reads.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/BlackwellSparseK)

install(TARGETS bsk EXPORT BlackwellSparseKTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT bsk)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/bsk DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT bsk)
install(EXPORT BlackwellSparseKTargets NAMESPACE BlackwellSparseK:: DESTINATION ${package_dir} COMPONENT bsk)

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/BlackwellSparseKConfig.cmake.in
  ${PROJECT_BINARY_DIR}/BlackwellSparseKConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/BlackwellSparseKConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/BlackwellSparseKConfig.cmake
  ${PROJECT_BINARY_DIR}/BlackwellSparseKConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT bsk)
