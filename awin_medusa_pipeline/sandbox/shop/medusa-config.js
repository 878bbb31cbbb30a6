// Plain JavaScript and no admin pages: then Medusa needs no TypeScript and no build step.
const { defineConfig } = require("@medusajs/framework/utils")

module.exports = defineConfig({
  admin: { disable: true },
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    http: {
      jwtSecret: process.env.JWT_SECRET,
      cookieSecret: process.env.COOKIE_SECRET,
      storeCors: "",
      adminCors: "",
      authCors: "",
    },
  },
  modules: [
    {
      resolve: "@medusajs/medusa/file",
      options: {
        providers: [
          {
            resolve: "@medusajs/medusa/file-local",
            id: "local",
            // Without it every uploaded image is said to be on port 9000.
            options: { backend_url: `${process.env.MEDUSA_BACKEND_URL}/static` },
          },
        ],
      },
    },
  ],
})
