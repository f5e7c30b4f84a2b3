// Swagger UI over the service's own OpenAPI document. Classic script: so is the bundle that it starts.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null, defaultModelsExpandDepth: 0 });
