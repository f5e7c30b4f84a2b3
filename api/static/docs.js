// Swagger UI for the OpenAPI document of the service. A classic script, like the bundle.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null, defaultModelsExpandDepth: 0 });
