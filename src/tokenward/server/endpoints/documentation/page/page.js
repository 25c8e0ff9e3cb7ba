"use strict";

// All addresses are relative, so that the page works under any path. Tokens are kept in memory and are gone with the page.
SwaggerUIBundle({
  url: new URL("openapi.json", window.location.href).href,
  dom_id: "#description",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
