alter role authenticator with password 'x';
