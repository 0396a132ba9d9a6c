// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/routes.h"

extern "C" {
#include "openapi-resources.h" // generated, C
}

namespace restream {

std::string_view
openapi_text ()
{
  // For the whole time of the program: the resource is compiled in.
  static const Ref<GBytes> bytes = Ref<GBytes>::adopt (
      g_resource_lookup_data (rtprestream_openapi_get_resource (),
          "/rtprestream/openapi.json", G_RESOURCE_LOOKUP_FLAGS_NONE, nullptr));
  gsize size = 0;
  auto *data =
      static_cast<const char *> (g_bytes_get_data (bytes.get (), &size));
  return {data, size};
}

void
add_openapi_routes (Router &router)
{
  router.get (
      kOpenapiPath,
      [] (Request &request) {
        request.reply->send (200, "application/json; charset=UTF-8",
            openapi_text ());
      },
      Access::everyone);
}

} // namespace restream
