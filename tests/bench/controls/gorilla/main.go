// A control of the bench: a hub on gorilla/websocket in the pattern of its chat example. Each client
// has a goroutine that reads and one that writes, and the hub a goroutine that owns the subscribers.
// Unlike the example it writes each message as a frame of its own. What each path does is the same
// in all controls (../../wire.ts).
//
// Environment: PORT; PING_PERIOD_MS, by default the example's 54000.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

const (
	writeWait       = 10 * time.Second
	maxMessageBytes = 65536
	queueMessages   = 256
	welcome         = `{"type":"welcome","clientId":"00000000-0000-4000-8000-000000000000","pingPeriodMs":54000,"pongWaitMs":60000}`
)

var (
	pingPeriod = 54 * time.Second
	upgrader   = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}
)

// Message is a frame of the path /json.
type Message struct {
	Type      string          `json:"type"`
	Channel   string          `json:"channel"`
	Data      json.RawMessage `json:"data,omitempty"`
	Timestamp int64           `json:"timestamp,omitempty"`
}

// Hub owns the subscribers; only run touches them.
type Hub struct {
	subscribers map[*Client]bool
	register    chan *Client
	unregister  chan *Client
	broadcast   chan []byte
}

func (h *Hub) run() {
	for {
		select {
		case client := <-h.register:
			h.subscribers[client] = true
		case client := <-h.unregister:
			if h.subscribers[client] {
				delete(h.subscribers, client)
				close(client.send)
			}
		case message := <-h.broadcast:
			for client := range h.subscribers {
				select {
				case client.send <- message:
				default: // too slow
					delete(h.subscribers, client)
					close(client.send)
				}
			}
		}
	}
}

// Client is one connection.
type Client struct {
	hub  *Hub
	conn *websocket.Conn
	send chan []byte
}

func (c *Client) readPump(receive func([]byte)) {
	defer func() {
		c.hub.unregister <- c
		c.conn.Close()
	}()
	pongWait := pingPeriod * 10 / 9
	c.conn.SetReadLimit(maxMessageBytes)
	c.conn.SetReadDeadline(time.Now().Add(pongWait))
	c.conn.SetPongHandler(func(string) error {
		return c.conn.SetReadDeadline(time.Now().Add(pongWait))
	})
	for {
		_, message, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		receive(message)
	}
}

func (c *Client) writePump() {
	ticker := time.NewTicker(pingPeriod)
	defer func() {
		ticker.Stop()
		c.conn.Close()
	}()
	for {
		select {
		case message, ok := <-c.send:
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if !ok {
				c.conn.WriteMessage(websocket.CloseMessage, []byte{})
				return
			}
			if err := c.conn.WriteMessage(websocket.TextMessage, message); err != nil {
				return
			}
		case <-ticker.C:
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if err := c.conn.WriteMessage(websocket.PingMessage, nil); err != nil {
				return
			}
		}
	}
}

func (c *Client) answer(text []byte) {
	var message Message
	if err := json.Unmarshal(text, &message); err != nil {
		return
	}
	if message.Type == "subscribe" {
		message.Type = "subscribed"
	} else {
		message.Type = "message"
		message.Timestamp = time.Now().UnixMilli()
	}
	answer, _ := json.Marshal(message)
	c.send <- answer
}

func (h *Hub) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/readyz" {
		return
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	client := &Client{hub: h, conn: conn, send: make(chan []byte, queueMessages)}
	client.send <- []byte(welcome)
	receive := func([]byte) {}
	switch r.URL.Path {
	case "/publish":
		receive = func(message []byte) { h.broadcast <- message }
	case "/json":
		receive = client.answer
	default:
		h.register <- client
	}
	go client.writePump()
	go client.readPump(receive)
}

func main() {
	if ms, err := strconv.Atoi(os.Getenv("PING_PERIOD_MS")); err == nil {
		pingPeriod = time.Duration(ms) * time.Millisecond
	}
	hub := &Hub{
		subscribers: make(map[*Client]bool),
		register:    make(chan *Client),
		unregister:  make(chan *Client),
		broadcast:   make(chan []byte),
	}
	go hub.run()
	http.HandleFunc("/", hub.serve)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
