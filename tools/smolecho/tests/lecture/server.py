import socket
import sys

# Define the server address (host and port)
server_host = sys.argv[1]
server_port = 12345

# Create a socket object
server_socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)

# Bind the socket to the address
server_socket.bind((server_host, server_port))

# Listen for incoming connections (max backlog is set to 5)
server_socket.listen(5)
print(f"Server listening on {server_host}:{server_port}")

while True:
    # Wait for a connection from a client
    client_socket, client_address = server_socket.accept()
    print(f"Accepted connection from {client_address}")

    # Receive data from the client
    data = client_socket.recv(1024)
    print(f"Received data: {data.decode()}")

    # Echo the data back to the client
    client_socket.sendall(data)

    # Close the connection with the client
    client_socket.close()
