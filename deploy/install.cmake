# What `make install` puts below PREFIX, and the Debian package (`make deb`), which is the same below /usr.
# The program finds its data beside itself: PREFIX/bin, PREFIX/share/avatar-chat, PREFIX/lib/avatar-chat.
set(doc share/doc/avatar-chat)
install(TARGETS avatar-chat DESTINATION bin)
install(DIRECTORY avatars knowledge config DESTINATION share/avatar-chat)
install(FILES models/silero_vad_v6.onnx models/face_detection_short_range.tflite models/face_landmark.tflite
        DESTINATION share/avatar-chat/models)
install(FILES lib/libonnxruntime.so DESTINATION lib/avatar-chat OPTIONAL) # absent where the system has it
install(DIRECTORY web/apps/chat/dist/ DESTINATION share/avatar-chat/web OPTIONAL)

install(DIRECTORY licences DESTINATION ${doc})
install(DIRECTORY docs/ DESTINATION ${doc} FILES_MATCHING PATTERN "*.md" PATTERN images EXCLUDE)
install(FILES README.md README.zh-CN.md config/avatar-chat.sample.yaml DESTINATION ${doc})
install(FILES LICENSE DESTINATION ${doc} RENAME copyright)
install(DIRECTORY deploy/nginx deploy/prometheus DESTINATION ${doc}/examples)

# The service starts the program that is installed here. Configuration is below /etc, except in a PREFIX of
# one's own, and is never overwritten.
install(CODE "set(source ${CMAKE_SOURCE_DIR})\nset(built ${CMAKE_BINARY_DIR})")
install(CODE [[
  set(prefix ${CMAKE_INSTALL_PREFIX})
  set(etc /etc)
  if(NOT prefix MATCHES "^/usr(/local)?$")
    set(etc ${prefix}/etc)
  endif()
  file(READ ${source}/deploy/systemd/avatar-chat.service unit)
  string(REPLACE "/usr/bin/avatar-chat" "${prefix}/bin/avatar-chat" unit "${unit}")
  string(REPLACE "/usr/share/doc" "${prefix}/share/doc" unit "${unit}")
  string(REPLACE "/etc/avatar-chat" "${etc}/avatar-chat" unit "${unit}")
  set(made ${built}/avatar-chat.service)
  file(WRITE ${made} "${unit}")
  file(INSTALL ${made} DESTINATION ${prefix}/lib/systemd/system)
  foreach(name avatar-chat.yaml environment)
    if(NOT EXISTS "$ENV{DESTDIR}${etc}/avatar-chat/${name}")
      set(mode OWNER_READ OWNER_WRITE)
      if(name STREQUAL avatar-chat.yaml)
        set(mode OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
      endif()
      file(COPY ${source}/deploy/${name} DESTINATION "$ENV{DESTDIR}${etc}/avatar-chat" FILE_PERMISSIONS ${mode})
    endif()
  endforeach()
]])

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME avatar-chat)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The maintainers of avatar-chat <avatar-chat@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "real-time talking person in the browser, on a plain CPU")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "A person opens a page, types or speaks, and a 2D digital human answers in
speech, with lips in sync. One program does voice activity detection, speech
recognition, language model, speech synthesis, picture and web server.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, espeak-ng-data, pocketsphinx-en-us, init-system-helpers")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "nginx, redis-server, prometheus")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/deploy/debian/conffiles ${CMAKE_SOURCE_DIR}/deploy/debian/postinst
    ${CMAKE_SOURCE_DIR}/deploy/debian/prerm ${CMAKE_SOURCE_DIR}/deploy/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
