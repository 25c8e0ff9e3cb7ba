"""Hashes that the real libraries made of one password: bcrypt, Django 5.2, Werkzeug, pwdlib, Passlib, argon2-cffi."""

PASSWORD = "seven quiet lighthouse keepers é"

VECTORS = {
    "bcrypt 2a": "$2a$08$trd349ehiUaX/aslT/dol.tAaapI09THe5Lsv74b9gYg3icZ7KhTS",
    "bcrypt 2b": "$2b$08$Yz8sSf7lHLEuRX5vSF8pl.OukcnJz9XwnVPrEFcEc9VgvoFbVu1O2",
    "bcrypt 2y": "$2y$08$K6KK9HdRzk1rAQNFxAvipOKmfUx.omvUbKyKq1xqimLdej/tZdkAG",
    "pwdlib bcrypt": "$2b$08$YHFtzSAFKh2wz0h3gvISe.LcSlcHf7LFjJ.JeuHczITL6MXfUJWQm",
    "pwdlib argon2": (
        "$argon2id$v=19$m=8192,t=2,p=4$kgCw6yGBAwU4P1z5Fe67vA$7qTvw2SJfIm3FBvaJx42hm4vPHxx0FqgRxoa24VM+lY"
    ),
    "argon2i": "$argon2i$v=19$m=512,t=2,p=2$ex5wQBKG0Ysrr65XkqsbbQ$y/ET1YahPIMxXHtF2VQgTXWNL8IvutLjWFvDyUzhEJ0",
    "Django PBKDF2": "pbkdf2_sha256$20000$rNsOx4yqwSfSpIaPmugzJu$GM8ykKUePtHnMwQTW3ukpF8HFfhiuA1A7nA8v73ZTuY=",
    "Django PBKDF2 SHA-1": "pbkdf2_sha1$20000$XnuJeuCGR7Raood3C2Mgb8$DV0soZ/b+fdOtnykB5EzhTvH6/Y=",
    "Django bcrypt": "bcrypt$$2b$08$6Jl9PMgjwCFtmZiZ8xaimeGeXTEU6TxkDyVtsaqFqVebuabTe0fSe",
    "Django bcrypt SHA-256": "bcrypt_sha256$$2b$08$xMTs8VN57MbfZ1UZ2cxS8.UsXomRRqq5JimAP5QcJyGqNI1ozTkzi",
    "Django scrypt": (
        "scrypt$16384$6h7zgtMqWPJla3vNciPvte$8$5$"
        "8R3DeKbquWJk7CWSwL1awgt6kVWLUmvCVM51fXo1RV2/KzAOVKeJTpiGfoaVqR5PkIAA6QqapRWwS18S0FCi+w=="
    ),
    "Django argon2": (
        "argon2$argon2id$v=19$m=8192,t=2,p=8$YWJjZGVmZ2hpamtsbW5vcA$4fbHLt3hIYP9KC5b5/w3ADtGVqqB5RzDaoNXVaBFPUk"
    ),
    "Werkzeug scrypt": (
        "scrypt:1024:8:1$FgjU2NbJ8j5I7FXj$efab241a3ed9cc4636fa5fe70390d9b44f665aa94af204d7ffdaefc2fb742ed8"
        "1148f1d8b9bbd9b65b01fa8c6ef196a950a6c2eaf5f56413c3ac155129c29f50"
    ),
    "Werkzeug PBKDF2": (
        "pbkdf2:sha256:20000$jR1HxYbSjHMMbJre$99c0ecc969f889db16d22ec41e96fcabf9813ff489a36aa443657e49aee63184"
    ),
    "Werkzeug PBKDF2 SHA-512": (
        "pbkdf2:sha512:20000$y2elR1ci1wNv51Gh$f39ce900ba85e68996d5c88add213d68f43e0f2d7c0fc9b52b8a7c9f81716740"
        "ac51c758fb92cdd463d8e525442a8af5957cb8f1cc8d8ac4253400c1784b1467"
    ),
    "Passlib PBKDF2": (
        "$pbkdf2-sha256$20000$E6K09p4TotSaMwZAyPmfkw$7SQVXVT/je22heUbtgxjLJFHIvohOma7vywWrrj2ndA"
    ),
    "Passlib PBKDF2 SHA-512": (
        "$pbkdf2-sha512$20000$EKKUMuYco3QOwdh7r7WWEg$B/0Odc6FJZIVeBj7YAwlHcNRtHcfuTYTMS.KapVzH.Bdc2bc.WHo8yuUj"
        "./HmkNiQe3JnqXKlbOIwzdwy0zdgg"
    ),
    "Passlib PBKDF2 SHA-1": "$pbkdf2$20000$J.Q8RyhF6B2DMGbs3dtbaw$wiU3cOEeYYnOwCIHuczbeQ10i8E",
    "Passlib scrypt": "$scrypt$ln=14,r=8,p=1$1LpX6j2ntJZyDuHc+9/7/w$lkP85S1MnJnCyW8eJcixPkvnHbT+w+N06w0Y9XwTkKE",
}
