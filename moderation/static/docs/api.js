// Draws the description of the API into the page; nothing is sent anywhere but to this service.
const frame = document.getElementById('api');
SwaggerUIBundle({
  url: frame.dataset.url,
  domNode: frame,
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: -1,
  persistAuthorization: false,
  validatorUrl: null,
});
