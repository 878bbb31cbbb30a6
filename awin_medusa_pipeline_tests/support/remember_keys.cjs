// Medusa checks a secret key with scrypt anew at each request, which is most of what a request costs. The same key and
// salt always give the same hash, so it is worked out once.
const crypto = require("crypto")

const { scrypt } = crypto
const known = new Map()

crypto.scrypt = (password, salt, length, ...rest) => {
  const callback = rest.pop()
  const key = JSON.stringify([String(password), String(salt), length, rest])
  if (known.has(key)) {
    process.nextTick(callback, null, Buffer.from(known.get(key)))
    return
  }
  scrypt(password, salt, length, ...rest, (error, hash) => {
    if (!error) known.set(key, Buffer.from(hash))
    callback(error, hash)
  })
}
