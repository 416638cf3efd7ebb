// With it, the page has the same origin as the API for the browser: no CORS, no trusted origin.
export default {
  server: {
    proxy: {
      "/auth": { target: "http://127.0.0.1:8000" },
      "/api": { target: "http://127.0.0.1:8000" },
    },
  },
};
